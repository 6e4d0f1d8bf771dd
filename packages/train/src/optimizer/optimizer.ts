import { adamW, KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../model/parameters.js";
import type { OptimizerRecipe } from "../recipe/recipe.js";
import { muonDirection } from "./muon-direction.js";

/** Momentum buffers by name: `adam_m.<weight>`, `adam_v.<weight>`, `muon.<weight>`; of rows that decide `adam_m.decisions.<weight>`. */
export type OptimizerState = ReadonlyMap<string, tf.Tensor>;

/**
 * AdamW (Loshchilov and Hutter 2019) for all weights, or Muon (Jordan et al. 2024) for those that `muon` names: momentum
 * 0.95 with Nesterov's look-ahead, orthogonalised, scaled by sqrt(max(1, out / in)). Owns its state.
 */
export class Optimizer implements Disposable {
  readonly #state = new Map<string, tf.Tensor>();
  /** Updates done since the state was made; corrects the bias of AdamW's means. */
  #updates = 0;

  constructor(
    private readonly recipe: OptimizerRecipe,
    /** Weights that Muon updates; all others are AdamW's. */
    private readonly muonNames: ReadonlySet<string>,
    /** Rows that decide, by the projection's name: AdamW moves them also where Muon moves the rest of the matrix. */
    private readonly decisionRows: ReadonlyMap<string, readonly number[]> = new Map(),
  ) {}

  get updates(): number {
    return this.#updates;
  }

  get state(): OptimizerState {
    return this.#state;
  }

  /**
   * Takes over a saved state; the tensors belong to this optimiser from here on.
   * @throws KvfoldError `checkpoint-optimizer` when moments of rows that decide are missing
   */
  restore(state: OptimizerState, updates: number): void {
    this.reset();
    const trained = (name: string) => state.has(`adam_m.${name}`) || state.has(`muon.${name}`);
    const lacking = [...this.decisionRows.keys()].find(
      (name) => this.#rowsApart(name) !== undefined && trained(name) && !state.has(`adam_m.decisions.${name}`),
    );
    if (lacking !== undefined) {
      tf.dispose([...state.values()]);
      throw new KvfoldError(
        "checkpoint-optimizer",
        `The checkpoint has no moments of the rows of ${lacking} that decide: it is of an earlier version, or of other optimizer settings. Start a new run from its weights (model.from).`,
      );
    }
    for (const [name, tensor] of state) this.#state.set(name, tf.keep(tensor));
    this.#updates = updates;
  }

  /** Forgets all momenta. */
  reset(): void {
    tf.dispose([...this.#state.values()]);
    this.#state.clear();
    this.#updates = 0;
  }

  /**
   * One update of every weight that has a gradient.
   * @param factor part of the full learning rate, 0..1
   * @param scale what gradients are multiplied with first (clipping)
   */
  update(parameters: Parameters, gradients: ReadonlyMap<string, tf.Tensor>, factor: number, scale: number): void {
    this.#updates++;
    for (const [name, gradient] of gradients) {
      tf.tidy(() => {
        const scaled = scale === 1 ? gradient : tf.mul(gradient, scale);
        parameters.replace(name, this.#moved(parameters.get(name), name, scaled, factor));
      });
    }
  }

  dispose(): void {
    this.reset();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Rows that decide and are moved apart; without Muon and at the same rate they are rows like the others. */
  #rowsApart(name: string): readonly number[] | undefined {
    const alike = this.recipe.decisionRate === 1 && !this.muonNames.has(name);
    return alike ? undefined : this.decisionRows.get(name);
  }

  #moved(param: tf.Tensor, name: string, grad: tf.Tensor, factor: number): tf.Tensor {
    const rows = this.#rowsApart(name);
    if (rows === undefined) return this.#movedRest(param, name, grad, factor);
    const own = tf.tensor1d([...rows], "int32");
    // only of these rows are moments kept: a matrix that Muon moves needs no others
    const decided = this.#movedByAdamW(
      tf.gather(param, own),
      `decisions.${name}`,
      tf.gather(grad, own),
      factor * this.recipe.decisionRate,
    );
    // Muon, which mixes rows, must not see those that are not its own
    const rest = this.#movedRest(param, name, this.muonNames.has(name) ? withoutRows(grad, rows) : grad, factor);
    return withRows(rest, decided, rows);
  }

  #movedRest(param: tf.Tensor, name: string, grad: tf.Tensor, factor: number): tf.Tensor {
    return this.muonNames.has(name)
      ? this.#movedByMuon(param, name, grad as tf.Tensor2D, factor)
      : this.#movedByAdamW(param, name, grad, factor);
  }

  #movedByAdamW(param: tf.Tensor, name: string, grad: tf.Tensor, factor: number): tf.Tensor {
    const { learningRate, betas, epsilon, weightDecay } = this.recipe.adamw;
    const moment = (kind: string) => this.#state.get(`${kind}.${name}`) ?? tf.zerosLike(param);
    const [next, m, v] = adamW(
      { param, grad, m: moment("adam_m"), v: moment("adam_v") },
      {
        learningRate: learningRate * factor,
        beta1: betas[0],
        beta2: betas[1],
        epsilon,
        weightDecay: param.rank > 1 ? weightDecay : 0, // norms and biases have no scale to decay to
        step: this.#updates,
      },
    ) as [tf.Tensor, tf.Tensor, tf.Tensor];
    this.#keep(`adam_m.${name}`, m);
    this.#keep(`adam_v.${name}`, v);
    return next;
  }

  #movedByMuon(param: tf.Tensor, name: string, grad: tf.Tensor2D, factor: number): tf.Tensor {
    const { learningRate, momentum, weightDecay } = this.recipe.muon as NonNullable<OptimizerRecipe["muon"]>;
    const before = this.#state.get(`muon.${name}`) ?? tf.zerosLike(grad);
    const buffer = tf.add(tf.mul(before, momentum), grad);
    const direction = muonDirection(tf.add(grad, tf.mul(buffer, momentum)));
    const [out, inner] = grad.shape;
    const rate = learningRate * factor;
    const move = tf.mul(direction, rate * Math.sqrt(Math.max(1, out / inner)));
    this.#keep(`muon.${name}`, buffer);
    return tf.sub(tf.mul(param, 1 - rate * weightDecay), move);
  }

  #keep(name: string, tensor: tf.Tensor): void {
    this.#state.get(name)?.dispose();
    this.#state.set(name, tf.keep(tensor));
  }
}

/** `[out, ...]` with zeros in the rows given. */
function withoutRows(tensor: tf.Tensor, rows: readonly number[]): tf.Tensor {
  const [out, ...inner] = tensor.shape;
  const mask = new Float32Array(out as number).fill(1);
  for (const row of rows) mask[row] = 0;
  return tf.mul(tensor, tf.tensor(mask, [mask.length, ...inner.map(() => 1)]));
}

/** `[out, ...]` with other rows in the places given. */
function withRows(tensor: tf.Tensor, others: tf.Tensor, rows: readonly number[]): tf.Tensor {
  const out = tensor.shape[0] as number;
  const from = Int32Array.from({ length: out }, (_, row) => row);
  for (const [i, row] of rows.entries()) from[row] = out + i;
  return tf.gather(tf.concat([tensor, others], 0), tf.tensor1d(from, "int32"));
}

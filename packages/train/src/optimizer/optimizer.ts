import { adamW } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../model/parameters.js";
import type { OptimizerRecipe } from "../recipe/recipe.js";
import { muonDirection } from "./muon-direction.js";

/** Momentum buffers by name: `adam_m.<weight>`, `adam_v.<weight>`, `muon.<weight>`. */
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
  ) {}

  get updates(): number {
    return this.#updates;
  }

  get state(): OptimizerState {
    return this.#state;
  }

  /** Takes over a saved state; the tensors belong to this optimiser from here on. */
  restore(state: OptimizerState, updates: number): void {
    this.reset();
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
        if (this.muonNames.has(name)) this.#muon(parameters, name, scaled as tf.Tensor2D, factor);
        else this.#adamW(parameters, name, scaled, factor);
      });
    }
  }

  dispose(): void {
    this.reset();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #adamW(parameters: Parameters, name: string, grad: tf.Tensor, factor: number): void {
    const { learningRate, betas, epsilon, weightDecay } = this.recipe.adamw;
    const param = parameters.get(name);
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
    parameters.replace(name, next);
    this.#keep(`adam_m.${name}`, m);
    this.#keep(`adam_v.${name}`, v);
  }

  #muon(parameters: Parameters, name: string, grad: tf.Tensor2D, factor: number): void {
    const { learningRate, momentum, weightDecay } = this.recipe.muon as NonNullable<OptimizerRecipe["muon"]>;
    const before = this.#state.get(`muon.${name}`) ?? tf.zerosLike(grad);
    const buffer = tf.add(tf.mul(before, momentum), grad);
    const direction = muonDirection(tf.add(grad, tf.mul(buffer, momentum)));
    const [out, inner] = grad.shape;
    const rate = learningRate * factor;
    const move = tf.mul(direction, rate * Math.sqrt(Math.max(1, out / inner)));
    parameters.replace(name, tf.sub(tf.mul(parameters.get(name), 1 - rate * weightDecay), move));
    this.#keep(`muon.${name}`, buffer);
  }

  #keep(name: string, tensor: tf.Tensor): void {
    this.#state.get(name)?.dispose();
    this.#state.set(name, tf.keep(tensor));
  }
}

import * as tf from "@tensorflow/tfjs-core";
import type { BatchSource, TrainingBatch } from "../data/batch.js";
import type { StepPlan, TrainingMethod } from "../method/method.js";
import { labelWeight, lossAndGradients, type PassResult } from "../model/loss-and-gradients.js";
import type { Parameters } from "../model/parameters.js";
import type { Teacher } from "../model/teacher.js";
import type { TrainingModel } from "../model/training-model.js";
import { globalNorm } from "../optimizer/global-norm.js";
import { learningRateFactor } from "../optimizer/learning-rate.js";
import type { Optimizer } from "../optimizer/optimizer.js";
import type { Recipe } from "../recipe/recipe.js";

/** Everything that one optimiser step works on. */
export interface TrainingStepInputs {
  readonly recipe: Recipe;
  readonly model: TrainingModel;
  readonly parameters: Parameters;
  readonly trained: readonly string[];
  readonly optimizer: Optimizer;
  readonly batches: BatchSource;
  readonly method: TrainingMethod;
  readonly teacher: Teacher | undefined;
  readonly plan: StepPlan;
  readonly step: number;
}

/** What a step gave. */
export interface TrainingStepResult {
  readonly tokens: number;
  /** False: a number was not finite, and nothing was updated. */
  readonly finite: boolean;
  readonly losses: {
    readonly loss: number;
    readonly crossEntropy: number;
    readonly compressionLoss?: number;
    readonly distillationLoss?: number;
  };
  readonly decisions: { readonly ratio?: number; readonly merged?: number[][] };
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/** Gradients over all parts of a step, clipped, and one update. */
export async function trainingStep(inputs: TrainingStepInputs): Promise<TrainingStepResult> {
  const { recipe, trained, parameters, optimizer, step } = inputs;
  const parts = Array.from({ length: recipe.batch.accumulate }, (_, part) => inputs.batches.batch(step, part));
  const totalWeight = parts.reduce((sum, batch) => sum + labelWeight(batch), 0);
  const sum = new StepSum();
  for (const [part, batch] of parts.entries()) sum.add(inputs, batch, part, totalWeight);
  const norm = globalNorm(sum.gradients);
  const losses = await sum.losses();
  const gradientNorm = (await norm.data())[0] as number;
  norm.dispose();
  const factor = learningRateFactor(recipe.schedule, step, recipe.steps);
  const finite = Number.isFinite(gradientNorm) && Number.isFinite(losses.loss);
  if (finite) {
    const scale = Math.min(1, recipe.optimizer.clip / gradientNorm);
    const byName = new Map(trained.map((name, i) => [name, sum.gradients[i] as tf.Tensor]));
    optimizer.update(parameters, byName, factor, scale);
  }
  const decisions = await sum.decisions();
  sum.dispose();
  return {
    tokens: parts.reduce((total, batch) => total + batch.tokens.length, 0),
    finite,
    losses,
    decisions,
    gradientNorm,
    learningRate: recipe.optimizer.adamw.learningRate * factor,
  };
}

/** Gradients and losses of the parts of a step, added up on the device. */
class StepSum {
  gradients: tf.Tensor[] = [];
  private readonly scalars = new Map<string, tf.Scalar>();
  private merged: tf.Tensor2D | undefined;

  add(inputs: TrainingStepInputs, batch: TrainingBatch, part: number, totalWeight: number): void {
    const { recipe, method, teacher, plan, model, parameters, trained, step } = inputs;
    const { layers, queryHeads, kvHeads, headDim } = model.config;
    const share = 1 / recipe.batch.accumulate;
    let merged: tf.Tensor2D | undefined;
    const distillation = teacher?.term(batch, totalWeight, recipe.distill?.weight ?? 1);
    const made = tidied(() =>
      lossAndGradients({
        model,
        parameters,
        trained,
        batch,
        totalWeight,
        plan: {
          policies: model.config.perLayer.map((_, layer) =>
            plan.policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim }),
          ),
          fading: plan.fading,
          seed: recipe.seed,
          step,
          sequence: part * recipe.batch.rows,
          recompute: recipe.recompute ? trained : undefined,
        },
        crossEntropyWeight: recipe.distill?.crossEntropy ?? 1,
        extra: [
          ...(distillation === undefined ? [] : [distillation]),
          {
            name: "compressionLoss",
            term: ({ auxiliary }) => {
              const loss = method.compressionLoss(auxiliary, plan);
              return loss === undefined ? undefined : (tf.mul(loss, share) as tf.Scalar);
            },
          },
        ],
        inspect: ({ auxiliary }) => {
          merged = method.merged(auxiliary);
          if (merged) tf.keep(merged);
        },
      }),
    );
    distillation?.dispose();
    this.gradients =
      part === 0
        ? [...made.gradients]
        : made.gradients.map((gradient, i) => {
            const before = this.gradients[i] as tf.Tensor;
            const sum = tf.add(before, gradient);
            tf.dispose([before, gradient]);
            return sum;
          });
    this.scalar("loss", made.loss);
    this.scalar("crossEntropy", made.crossEntropy);
    for (const { name, value } of made.extra) this.scalar(name, value);
    if (merged) {
      const scaled = tf.mul(merged, share) as tf.Tensor2D;
      const before = this.merged;
      this.merged = before ? tf.add(before, scaled) : scaled;
      tf.dispose(before ? [merged, before, scaled] : [merged]);
    }
  }

  async losses(): Promise<TrainingStepResult["losses"]> {
    const values: Record<string, number> = {};
    for (const [name, scalar] of this.scalars) values[name] = (await scalar.data())[0] as number;
    return values as unknown as TrainingStepResult["losses"];
  }

  async decisions(): Promise<TrainingStepResult["decisions"]> {
    if (this.merged === undefined) return {};
    const merged = await this.merged.array();
    const all = merged.flat();
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    return { merged, ratio: 1 / Math.max(1 - mean, 1e-6) };
  }

  dispose(): void {
    tf.dispose([...this.gradients, ...this.scalars.values(), ...(this.merged ? [this.merged] : [])]);
  }

  private scalar(name: string, value: tf.Scalar): void {
    const before = this.scalars.get(name);
    this.scalars.set(name, before ? (tf.add(before, value) as tf.Scalar) : value);
    if (before) tf.dispose([before, value]);
  }
}

/** A pass without what it leaves behind. */
function tidied(pass: () => PassResult): PassResult {
  let result: PassResult | undefined;
  tf.tidy(() => {
    result = pass();
    return [result.loss, ...result.gradients]; // all others are kept
  });
  return result as unknown as PassResult;
}

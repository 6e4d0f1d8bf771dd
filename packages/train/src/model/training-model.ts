import { embedding, Rope, rmsNorm, rowsProduct } from "@kvfold/core";
import type { LayerPolicy, TrainingCall } from "@kvfold/kv-cache";
import type { ModelConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import type { TrainingBatch } from "../data/batch.js";
import type { Weights } from "./parameters.js";
import { recomputedLayer } from "./recomputed-layer.js";
import { type TrainingLayerContext, trainingLayer } from "./training-layer.js";

/** How attention goes in one training pass. */
export interface TrainingAttentionPlan {
  /** One for each layer. */
  readonly policies: readonly LayerPolicy[];
  /** Channel that the model gives away by and by; absent: none, or what the policy borrows. */
  readonly fading?: Pick<TrainingCall, "borrowed" | "borrowedFactor"> | undefined;
  /** Seed of the run's noise. */
  readonly seed: number;
  /** Optimiser step, from 0. */
  readonly step: number;
  /** Index in the step of the batch's first row; rows of a step that is split into parts keep their noise. */
  readonly sequence: number;
  /** Names of the weights that learn, where layers are to be computed again in the backward pass; absent: they are not. */
  readonly recompute?: readonly string[] | undefined;
}

/** What {@link TrainingModel.hidden} gives. */
export interface TrainedHidden {
  /** Behind the final norm, `[rows * tokens, hidden]`. */
  readonly hidden: tf.Tensor2D;
  /** The policy's values for the loss, one record a layer. */
  readonly auxiliary: readonly Readonly<Record<string, tf.Tensor>>[];
}

/** A Llama-family model over whole rows, differentiable in its weights, which the caller holds. */
export class TrainingModel implements Disposable {
  readonly #rope: Rope;
  readonly #ropeLocal: Rope | undefined;

  constructor(readonly config: ModelConfig) {
    this.#rope = new Rope(config.rope);
    this.#ropeLocal = config.ropeLocal && new Rope(config.ropeLocal);
  }

  /** All layers and the final norm. */
  hidden(weights: Weights, batch: TrainingBatch, plan: TrainingAttentionPlan): TrainedHidden {
    const { config } = this;
    const { rows, length: tokens, documents } = batch;
    const table = weights("model.embed_tokens.weight") as tf.Tensor2D;
    const rowsOf = embedding({ table, ids: tf.tensor1d(batch.tokens, "int32") }, {}) as tf.Tensor2D;
    let x = (config.embeddingScale === 1 ? rowsOf : tf.mul(rowsOf, config.embeddingScale)) as tf.Tensor2D;
    const auxiliary = config.perLayer.map((layer, i) => {
      const prefix = `model.layers.${i}.`;
      const context: TrainingLayerContext = {
        config,
        layer,
        weights: (name) => weights(prefix + name),
        policy: plan.policies[i] as LayerPolicy,
        rope: layer.useRope ? (layer.ropeKind === "local" ? this.#ropeLocal : this.#rope) : undefined,
        rows,
        tokens,
        call: { documents, seed: plan.seed, step: plan.step, sequence: plan.sequence, ...plan.fading },
      };
      const learning = plan.recompute?.filter((name) => name.startsWith(prefix));
      const passed = learning?.length
        ? recomputedLayer(
            x,
            context,
            learning.map((name) => name.slice(prefix.length)),
          )
        : trainingLayer(x, context);
      x = passed.out;
      return passed.auxiliary;
    });
    const attrs = { epsilon: config.normEpsilon, weightOffset: config.normWeightOffset };
    const hidden = rmsNorm({ x, weight: weights("model.norm.weight") as tf.Tensor1D }, attrs) as tf.Tensor2D;
    return { hidden, auxiliary };
  }

  /** Logits `[n, vocab]` of {@link hidden} `[n, hidden]`. */
  logits(weights: Weights, hidden: tf.Tensor2D): tf.Tensor2D {
    const head = this.config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
    return rowsProduct(hidden, weights(head) as tf.Tensor2D);
  }

  dispose(): void {
    this.#rope.dispose();
    this.#ropeLocal?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

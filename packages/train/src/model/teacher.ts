import { distillationLoss } from "@kvfold/dmc";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { TrainingBatch } from "../data/batch.js";
import type { ExtraLoss } from "./loss-and-gradients.js";
import type { Parameters } from "./parameters.js";
import { TrainingModel } from "./training-model.js";

/** The frozen model that a run learns from, under full attention with all of its channels. Owns its weights. */
export class Teacher implements Disposable {
  private readonly model: TrainingModel;

  constructor(private readonly parameters: Parameters) {
    this.model = new TrainingModel(parameters.config);
  }

  /**
   * The term of the loss for a batch: weight x KL(teacher || student), a mean over labels with their weights, as the
   * cross-entropy is. To be called outside of the pass whose gradients are taken: the teacher's logits are made here, and
   * live until `dispose`.
   *
   * @param totalWeight sum of all label weights of the step
   */
  term(batch: TrainingBatch, totalWeight: number, weight: number): ExtraLoss & { dispose(): void } {
    const teacher = tf.keep(this.logits(batch));
    const { labels, weights: own } = batch;
    const counts = Float32Array.from(labels, (label, i) =>
      label < 0 ? 0 : own === undefined ? 1 : (own[i] as number),
    );
    return {
      name: "distillationLoss",
      term: ({ logits: student }) =>
        tf.mul(distillationLoss({ student, teacher, weights: tf.tensor1d(counts), totalWeight }), weight) as tf.Scalar,
      dispose: () => teacher.dispose(),
    };
  }

  private logits(batch: TrainingBatch): tf.Tensor2D {
    const { layers, queryHeads, kvHeads, headDim, perLayer } = this.model.config;
    const policies = perLayer.map((_, layer) => full().forLayer({ layer, layers, queryHeads, kvHeads, headDim }));
    const plan = { policies, seed: 0, step: 0, sequence: 0 }; // nothing is drawn
    return tf.tidy(() => {
      const { hidden } = this.model.hidden(this.parameters.get, batch, plan);
      return this.model.logits(this.parameters.get, hidden);
    });
  }

  [Symbol.dispose](): void {
    this.model.dispose();
    this.parameters.dispose();
  }
}

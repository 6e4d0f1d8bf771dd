import { crossEntropy } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { TrainingBatch } from "../data/batch.js";
import type { Parameters } from "./parameters.js";
import type { TrainedHidden, TrainingAttentionPlan, TrainingModel } from "./training-model.js";

/** A term of the loss beside the labels' cross-entropy. */
export interface ExtraLoss {
  readonly name: string;
  /** Makes the term from what the pass gave, its weight inside; undefined: none in this pass. */
  term(pass: TrainedHidden & { readonly logits: tf.Tensor2D }): tf.Scalar | undefined;
}

/** One forward and backward pass. */
export interface Pass {
  readonly model: TrainingModel;
  readonly parameters: Parameters;
  /** Names of the weights that learn. */
  readonly trained: readonly string[];
  readonly batch: TrainingBatch;
  readonly plan: TrainingAttentionPlan;
  /** Sum of all label weights of the step: the cross-entropies of its parts add up to the step's mean. */
  readonly totalWeight: number;
  /** Weight of the cross-entropy of the labels. Default 1; with 0 it is only reported, and `extra` must give a term. */
  readonly crossEntropyWeight?: number;
  readonly extra: readonly ExtraLoss[];
  /** Reads tensors of the pass that are to be reported; called inside it. */
  readonly inspect?: (pass: TrainedHidden) => void;
}

/** Losses of a pass, scalars on the device, and gradients in the order of `trained`; the caller disposes all of it. */
export interface PassResult {
  readonly loss: tf.Scalar;
  readonly crossEntropy: tf.Scalar;
  readonly extra: readonly { readonly name: string; readonly value: tf.Scalar }[];
  readonly gradients: readonly tf.Tensor[];
}

/** Mean weighted cross-entropy of the next tokens plus extra terms, and its gradients in the trained weights. */
export function lossAndGradients(pass: Pass): PassResult {
  const { model, parameters, trained, batch, totalWeight } = pass;
  let mean: tf.Scalar | undefined;
  let extra: { name: string; value: tf.Scalar }[] = [];
  const keep = (term: tf.Scalar) => tf.keep(tf.clone(term)) as tf.Scalar;
  const loss = (...tensors: tf.Tensor[]): tf.Scalar => {
    const learning = new Map(trained.map((name, i) => [name, tensors[i] as tf.Tensor]));
    const weights = (name: string) => learning.get(name) ?? parameters.get(name);
    const through = model.hidden(weights, batch, pass.plan);
    const logits = model.logits(weights, through.hidden);
    pass.inspect?.(through);
    const labels = tf.tensor1d(batch.labels, "int32");
    const labelWeights = batch.weights && tf.tensor1d(batch.weights);
    const each = crossEntropy({ logits, labels, weights: labelWeights }, {});
    const ofLabels = tf.div(tf.sum(each), totalWeight) as tf.Scalar;
    const terms = pass.extra.flatMap(({ name, term }) => {
      const value = term({ ...through, logits });
      return value === undefined ? [] : [{ name, value }];
    });
    mean = keep(ofLabels);
    extra = terms.map(({ name, value }) => ({ name, value: keep(value) }));
    const { crossEntropyWeight: weight = 1 } = pass;
    const weighted = weight === 1 ? [ofLabels] : weight === 0 ? [] : [tf.mul(ofLabels, weight) as tf.Scalar];
    return [...weighted, ...terms.map(({ value }) => value)].reduce((sum, value) => tf.add(sum, value));
  };
  const { value, grads } = tf.valueAndGrads(loss)(trained.map((name) => parameters.get(name)));
  return { loss: value as tf.Scalar, crossEntropy: mean as unknown as tf.Scalar, extra, gradients: grads };
}

/** Sum of the weights of a batch's labels. */
export function labelWeight({ labels, weights }: TrainingBatch): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) if ((labels[i] as number) >= 0) sum += weights ? (weights[i] as number) : 1;
  return sum;
}

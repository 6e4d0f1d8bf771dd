import * as tf from "@tensorflow/tfjs-core";
import { KvfoldError } from "../errors/kvfold-error.js";
import { sumRows } from "../ops/sum-rows.js";
import { withGradient } from "../ops/with-gradient.js";
import { crossEntropyGradient, pullOnLogits } from "./cross-entropy-gradient.js";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link crossEntropy}. */
export type CrossEntropyInputs = {
  /** `[rows, vocab]` */
  logits: tf.Tensor2D;
  /** int32 `[rows]`, below vocab; a negative label (-100 by custom) is ignored: loss 0, no gradient. */
  labels: tf.Tensor1D;
  /** `[rows]`, multiplies the loss of each row; receives no gradient. Absent: all 1. */
  weights?: tf.Tensor1D | undefined;
};

/**
 * Negative log-likelihood of each label, `[rows]`, in nats. Takes no attributes. The gradient, softmax minus one-hot, is
 * made without a one-hot matrix.
 */
export const crossEntropy = defineKernel<CrossEntropyInputs, Record<string, never>, tf.Tensor1D>({
  name: "KvfoldCrossEntropy",
  differentiable: ["logits"],
  gradient: (inputs, _, [dy]) => ({ logits: crossEntropyGradient({ ...inputs, dy: dy as tf.Tensor1D }, {}) }),
  reference: ({ logits, labels, weights }) =>
    tf.tidy(() => {
      checkShapes(logits, labels, weights);
      const counted = tf.cast(tf.greaterEqual(labels, tf.scalar(0, "int32")), "float32");
      const factor = (weights === undefined ? counted : tf.mul(counted, weights)) as tf.Tensor1D;
      return negativeLogLikelihood(logits, tf.maximum(labels, tf.scalar(0, "int32")) as tf.Tensor1D, factor);
    }),
});

function negativeLogLikelihood(logits: tf.Tensor2D, labels: tf.Tensor1D, factor: tf.Tensor1D): tf.Tensor1D {
  const [rows, vocab] = logits.shape;
  return withGradient({
    inputs: { logits, labels, factor },
    forward: (save) => {
      const peak = tf.max(logits, 1, true);
      const shifted = tf.sub(logits, peak);
      const logSum = tf.log(sumRows(tf.exp(shifted) as tf.Tensor2D));
      save([logits, labels, factor, peak, logSum]);
      const flatIndex = tf.add(tf.mul(tf.range(0, rows, 1, "int32"), tf.scalar(vocab, "int32")), labels) as tf.Tensor1D;
      const ofLabel = tf.gather(tf.reshape(shifted, [rows * vocab]), flatIndex);
      return tf.mul(tf.sub(tf.reshape(logSum, [rows]), ofLabel), factor) as tf.Tensor1D;
    },
    backward: ([dy], [savedLogits, savedLabels, savedFactor, peak, logSum]) => ({
      logits: () => {
        const logProbabilities = tf.sub(tf.sub(savedLogits as tf.Tensor, peak as tf.Tensor), logSum as tf.Tensor);
        const scale = tf.mul(dy as tf.Tensor, savedFactor as tf.Tensor);
        return pullOnLogits(tf.exp(logProbabilities), savedLabels as tf.Tensor, scale);
      },
    }),
  });
}

function checkShapes(logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | undefined): void {
  const rows = logits.shape[0];
  const fits =
    logits.rank === 2 &&
    labels.rank === 1 &&
    labels.shape[0] === rows &&
    labels.dtype === "int32" &&
    (weights === undefined || (weights.rank === 1 && weights.shape[0] === rows));
  if (!fits) {
    const givenWeights = weights === undefined ? "" : `, weights [${weights.shape}]`;
    throw new KvfoldError(
      "cross-entropy-shape",
      `crossEntropy needs logits [rows, vocab], int32 labels [rows] and weights [rows] or none; ` +
        `got logits [${logits.shape}], ${labels.dtype} labels [${labels.shape}]${givenWeights}.`,
    );
  }
}

import * as tf from "@tensorflow/tfjs-core";
import { sumRows } from "../ops/sum-rows.js";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link divergenceRows}: logits `[rows, n]` of two distributions, of the same shape. */
export type DivergenceRowsInputs = {
  /** Of the distribution that expectations are taken over. */
  from: tf.Tensor2D;
  to: tf.Tensor2D;
};

/** KL(softmax(from) || softmax(to)) of each row, `[rows]`, in nats; the value of `divergence`, without a gradient. */
export const divergenceRows = defineKernel<DivergenceRowsInputs, Record<string, never>, tf.Tensor1D>({
  name: "KvfoldDivergence",
  reference: ({ from, to }) =>
    tf.tidy(() => {
      const norms = logSumExp(from);
      const ratio = logRatio(from, to, norms, logSumExp(to));
      return tf.reshape(sumRows(tf.mul(probabilities(from, norms), ratio)), [from.shape[0]]) as tf.Tensor1D;
    }),
});

/** `[rows, 1]` */
export function logSumExp(logits: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const peak = tf.max(logits, 1, true);
    return tf.add(peak, tf.log(sumRows(tf.exp(tf.sub(logits, peak)) as tf.Tensor2D))) as tf.Tensor2D;
  });
}

/** `[rows, n]` */
export function probabilities(logits: tf.Tensor2D, norms: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.exp(tf.sub(logits, norms)) as tf.Tensor2D);
}

/** log p - log q, `[rows, n]` */
export function logRatio(p: tf.Tensor2D, q: tf.Tensor2D, norms: tf.Tensor2D, otherNorms: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.sub(tf.sub(p, q), tf.sub(norms, otherNorms)) as tf.Tensor2D);
}

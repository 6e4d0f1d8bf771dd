import * as tf from "@tensorflow/tfjs-core";
import type { ColumnAttentionAttrs, ColumnAttentionInputs } from "./column-attention.js";
import { biasedPairs, columnScores } from "./column-scores.js";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link columnAttentionGradient}: those of `columnAttention`, its outputs, and the gradients of the outputs. */
export type ColumnAttentionGradientInputs = ColumnAttentionInputs & {
  out: tf.Tensor4D;
  lse: tf.Tensor3D;
  dOut: tf.Tensor4D;
  dLse: tf.Tensor3D;
};

/**
 * Gradient of `columnAttention`. With p the probabilities, made again from `lse`, and ds = p (dOut v - dOut out + dLse):
 * dv = p dOut, and dq, dk and the bias's are those of scores with gradient ds.
 *
 * @returns `[dq, dk, dv]`, and `dColumnBias` where there is a bias
 */
export const columnAttentionGradient = defineKernel<ColumnAttentionGradientInputs, ColumnAttentionAttrs, tf.Tensor[]>({
  name: "KvfoldColumnAttentionGradient",
  reference: (inputs, attrs) =>
    tf.tidy(() => {
      const { q, k, v, columnBias, out, lse, dOut, dLse } = inputs;
      const [rows, , tokens, headDim] = q.shape;
      const lanes = rows * k.shape[1];
      const stacked = (x: tf.Tensor, width: number) => tf.reshape(x, [lanes, -1, width]) as tf.Tensor3D;
      const scores = columnScores(inputs, attrs);
      const p = stacked(tf.exp(tf.sub(scores, tf.reshape(lse, [...scores.shape.slice(0, 3), 1]))), tokens);
      const pulled = tf.matMul(stacked(dOut, headDim), stacked(v, headDim), false, true);
      const along = tf.sub(tf.sum(tf.mul(dOut, out), -1), dLse);
      const dScores = tf.mul(p, tf.sub(pulled, stacked(along, 1)));
      const dProducts = tf.mul(dScores, attrs.scale) as tf.Tensor3D;
      const dq = tf.reshape(tf.matMul(dProducts, stacked(k, headDim)), q.shape);
      const dk = tf.reshape(tf.matMul(dProducts, stacked(q, headDim), true), k.shape);
      const dv = tf.reshape(tf.matMul(p, stacked(dOut, headDim), true), v.shape);
      if (columnBias === undefined) return [dq, dk, dv];
      const biased = tf.mul(tf.reshape(dScores, scores.shape), biasedPairs(tokens, attrs));
      return [dq, dk, dv, tf.reshape(tf.sum(biased, [1, 2]), columnBias.shape)];
    }),
});

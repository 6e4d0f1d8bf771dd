import * as tf from "@tensorflow/tfjs-core";
import { batchMatMul } from "../ops/batch-matmul.js";
import { columnAttentionGradient } from "./column-attention-gradient.js";
import { columnScores } from "./column-scores.js";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link columnAttention}. Heads of a group follow one another: query head h reads KV head h / group. */
export type ColumnAttentionInputs = {
  /** Rotated queries `[rows, queryHeads, tokens, headDim]`. */
  q: tf.Tensor4D;
  /** Rotated keys `[rows, kvHeads, tokens, headDim]`. */
  k: tf.Tensor4D;
  /** Values, same shape. */
  v: tf.Tensor4D;
  /**
   * `[rows, kvHeads, tokens]`: added to the scores of a key for queries more than `biasDelay` behind it. As low as
   * -Infinity; never NaN.
   */
  columnBias?: tf.Tensor3D | undefined;
  /**
   * int32 `[rows, tokens]`: index in the row at which each token's document starts; earlier keys are hidden. Never falls
   * along a row. Absent: each row is one document.
   */
  starts?: tf.Tensor2D | undefined;
};

/** Attributes of {@link columnAttention}. */
export interface ColumnAttentionAttrs {
  /** Multiplies the scores, usually `1 / sqrt(headDim)`. */
  readonly scale: number;
  /** Keys at this distance or further are hidden; at least 1. Default: none. */
  readonly window?: number | undefined;
  /** The bias of a key counts for queries further behind it than this; so never for its own. Default 0. */
  readonly biasDelay?: number | undefined;
}

/**
 * Causal attention of whole rows with a bias for each key, as training needs it: every query sees its own token and those
 * before it in its document and window. Fast forms hold no tokens x tokens matrix; the reference form does.
 *
 * @returns `[out, lse]`: out `[rows, queryHeads, tokens, headDim]`, lse `[rows, queryHeads, tokens]` the logarithm of each
 * query's sum of exponentials, from which a backward pass makes the probabilities again
 */
export const columnAttention = defineKernel<ColumnAttentionInputs, ColumnAttentionAttrs, tf.Tensor[]>({
  name: "KvfoldColumnAttention",
  differentiable: ["q", "k", "v", "columnBias"],
  savesOutputs: true,
  gradient: (inputs, attrs, [dOut, dLse], [out, lse]) => {
    const [dq, dk, dv, dColumnBias] = columnAttentionGradient(
      { ...inputs, out, lse, dOut, dLse } as Parameters<typeof columnAttentionGradient>[0],
      attrs,
    ) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor3D?];
    return { q: dq, k: dk, v: dv, ...(dColumnBias ? { columnBias: dColumnBias } : {}) };
  },
  reference: (inputs, attrs) =>
    tf.tidy(() => {
      const [rows, queryHeads, tokens, headDim] = inputs.q.shape;
      const scores = columnScores(inputs, attrs);
      const peak = tf.max(scores, -1, true);
      const weights = tf.exp(tf.sub(scores, peak));
      const total = tf.sum(weights, -1, true);
      const lanes = scores.shape[0] as number;
      const flat = tf.reshape(tf.div(weights, total), [lanes, -1, tokens]) as tf.Tensor3D;
      const out = batchMatMul(flat, tf.reshape(inputs.v, [lanes, tokens, headDim]));
      return [
        tf.reshape(out, [rows, queryHeads, tokens, headDim]),
        tf.reshape(tf.add(tf.log(total), peak), [rows, queryHeads, tokens]),
      ];
    }),
});

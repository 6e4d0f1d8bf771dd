import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link dmcSegmentPool}. */
export type DmcSegmentPoolInputs = {
  /** Items to average, keys and values side by side, `[rows, kvHeads, tokens, width]`; keys before RoPE. */
  items: tf.Tensor4D;
  /** Hard decision of each token, 0 or 1, `[rows, kvHeads, tokens]`; that of the first token is ignored (append). */
  merge: tf.Tensor3D;
  /** Importance omega > 0 of each token, `[rows, kvHeads, tokens]`. */
  omega: tf.Tensor3D;
};

/**
 * The state after every token of DMC without a window, for hard decisions: pooled_t is the weighted average of the
 * tokens of t's segment up to t. The number of ops does not depend on the number of tokens; memory is tokens squared,
 * so callers bound the chunk.
 *
 * @returns `[pooled, z]`: pooled `[rows, kvHeads, tokens, width]`, z `[rows, kvHeads, tokens]`
 */
export const dmcSegmentPool = defineKernel<DmcSegmentPoolInputs, Record<string, never>, tf.Tensor[]>({
  name: "KvfoldDmcSegmentPool",
  reference: ({ items, merge, omega }) =>
    tf.tidy(() => {
      const tokens = items.shape[2];
      const segment = tf.cumsum(tf.sub(1, merge), 2);
      const order = tf.range(0, tokens, 1, "float32");
      const notLater = tf.lessEqual(tf.expandDims(order, 0), tf.expandDims(order, 1));
      const same = tf.equal(tf.expandDims(segment, 2), tf.expandDims(segment, 3));
      const member = tf.cast(tf.logicalAnd(same, notLater), "float32");
      const weight = tf.expandDims(omega, -1);
      const sums = tf.matMul(member, tf.concat([tf.mul(items, weight), weight], -1));
      const width = items.shape[3];
      const z = tf.slice(sums, [0, 0, 0, width], [-1, -1, -1, 1]);
      return [tf.div(tf.slice(sums, [0, 0, 0, 0], [-1, -1, -1, width]), z), tf.squeeze(z, [3])];
    }),
});

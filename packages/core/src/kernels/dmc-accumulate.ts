import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link dmcAccumulate}; L lanes. */
export type DmcAccumulateInputs = {
  /** The new token's key (before RoPE) and value side by side, `[L, width]`. */
  item: tf.Tensor2D;
  /** Decision of each lane: 1 merges into the open segment, 0 opens a new one, `[L]`. */
  merge: tf.Tensor1D;
  /** Importance omega of the token in each lane, `[L]`. */
  omega: tf.Tensor1D;
  /** Running weighted sum of the open segment and its weight z, `[L, width + 1]`. */
  sums: tf.Tensor2D;
};

/**
 * One decoding step of DMC without a window (Nawrot et al. 2024, Algorithm 1): S = alpha S + omega x, z = alpha z + omega.
 *
 * @returns `[pooled, z, sums]`: the average S / z `[L, width]`, z `[L]`, and the new sums
 */
export const dmcAccumulate = defineKernel<DmcAccumulateInputs, Record<string, never>, tf.Tensor[]>({
  name: "KvfoldDmcAccumulate",
  reference: ({ item, merge, omega, sums }) =>
    tf.tidy(() => {
      const width = item.shape[1] as number;
      const weight = tf.expandDims(omega, -1);
      const arriving = tf.concat([tf.mul(item, weight), weight], 1);
      const next = tf.add(tf.mul(sums, tf.expandDims(merge, -1)), arriving);
      const z = tf.slice(next, [0, width], [-1, 1]);
      return [tf.div(tf.slice(next, [0, 0], [-1, width]), z), tf.squeeze(z, [1]), next];
    }),
});

import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link dmcFold}; L lanes, w = window. */
export type DmcFoldInputs = {
  /** The new token's key (before RoPE) and value side by side, `[L, width]`. */
  item: tf.Tensor2D;
  /** Decision of each lane: 1 merges into the open segment, 0 opens a new one, `[L]`. */
  merge: tf.Tensor1D;
  /** Importance omega of the token in each lane, `[L]`. */
  omega: tf.Tensor1D;
  /** The last w weighted items and their weights, `[L, w, width + 1]`; slot = position mod w. */
  ring: tf.Tensor3D;
  /** Tokens in the open segment of each lane before this one, float32 `[L]` (not capped by the window). */
  count: tf.Tensor1D;
  /** float32 `[L]`: ring slot of the new token, position mod w. */
  slot: tf.Tensor1D;
};

/**
 * One decoding step of DMC's accumulation for every lane: the new token joins the ring, and the open segment's average
 * is taken afresh from the ring's members of that segment, so sums never drift (subtracting the oldest item would).
 *
 * @returns `[pooled, z, ring, count]`: the average `[L, width]`, its weight `[L]`, and the new state
 */
export const dmcFold = defineKernel<DmcFoldInputs, Record<string, never>, tf.Tensor[]>({
  name: "KvfoldDmcFold",
  reference: ({ item, merge, omega, ring, count, slot }) =>
    tf.tidy(() => {
      const window = ring.shape[1];
      const width = item.shape[1] as number;
      const weight = tf.expandDims(omega, -1);
      const arriving = tf.expandDims(tf.concat([tf.mul(item, weight), weight], 1), 1);
      const slots = tf.reshape(tf.range(0, window, 1, "float32"), [1, window]);
      const isNew = tf.expandDims(tf.cast(tf.equal(slots, tf.expandDims(slot, -1)), "float32"), -1);
      const newRing = tf.add(tf.mul(ring, tf.sub(1, isNew)), tf.mul(arriving, isNew));
      const newCount = tf.add(tf.mul(count, merge), 1);
      // age in steps of what a slot holds: 0 for the new token, window - 1 for the oldest
      const age = tf.mod(tf.add(tf.sub(tf.expandDims(slot, -1), slots), window), window);
      const member = tf.expandDims(tf.cast(tf.less(age, tf.expandDims(newCount, -1)), "float32"), -1);
      const sums = tf.sum(tf.mul(newRing, member), 1);
      const z = tf.slice(sums, [0, width], [-1, 1]);
      const pooled = tf.div(tf.slice(sums, [0, 0], [-1, width]), z);
      return [pooled, tf.squeeze(z, [1]), newRing, newCount];
    }),
});

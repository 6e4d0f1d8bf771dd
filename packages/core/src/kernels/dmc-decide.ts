import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link dmcDecide}; nothing rotated, nothing blanked. */
export type DmcDecideInputs = {
  /** `[rows, queryHeads, tokens, headDim]` */
  q: tf.Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  k: tf.Tensor4D;
};

/** Attributes of {@link dmcDecide}. */
export interface DmcDecideAttrs {
  /** The channel that carries the decision (in k) and the importance (in q). */
  readonly channel: number;
  /** Subtracted from the decision, added to the importance. */
  readonly offset: number;
  /** Added to every weight. */
  readonly epsilon: number;
  /** A token merges when `k[channel] - offset` is above this: ln(p / (1 - p)) for a threshold p, 0 for one half. */
  readonly edge: number;
}

/**
 * Smallest weight: with epsilon 0 a sigmoid may underflow, and a segment of zero weights has no average. Far below any
 * weight that counts.
 */
export const leastOmega = 1e-30;

/**
 * DMC's decisions (Nawrot et al. 2024, section 3.1): a token merges when `k[channel] - offset > edge`, and its importance
 * is sigmoid(mean of `q[channel]` over the query heads of the group + offset) + epsilon.
 *
 * @returns `[merge, omega]`, `[rows, kvHeads, tokens]` each: 1 merges, 0 appends; importance above 0
 */
export const dmcDecide = defineKernel<DmcDecideInputs, DmcDecideAttrs, tf.Tensor[]>({
  name: "KvfoldDmcDecide",
  reference: ({ q, k }, { channel, offset, epsilon, edge }) =>
    tf.tidy(() => {
      const [rows, kvHeads, tokens] = k.shape;
      const neuron = (x: tf.Tensor4D) => tf.squeeze(tf.slice(x, [0, 0, 0, channel], [-1, -1, -1, 1]), [3]);
      const importance = tf.mean(tf.reshape(neuron(q), [rows, kvHeads, q.shape[1] / kvHeads, tokens]), 2);
      const merge = tf.cast(tf.greater(tf.sub(neuron(k), offset), edge), "float32");
      return [merge, tf.maximum(tf.add(tf.sigmoid(tf.add(importance, offset)), epsilon), leastOmega)];
    }),
});

import { dmcDecide, leastOmega } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ResolvedDmcOptions } from "./dmc-options.js";

/** Decisions of DMC for some tokens. */
export interface DmcDecisions {
  /** 1 merges into the last entry, 0 appends, `[rows, kvHeads, tokens]`; token 0 is as computed. */
  readonly merge: tf.Tensor3D;
  /** Importance omega of each token, `[rows, kvHeads, tokens]`, above 0. */
  readonly omega: tf.Tensor3D;
}

/** The numbers that decisions are made of, before any noise or rounding. */
export interface DmcLogits {
  /** k[neuron] - offset, `[rows, kvHeads, tokens]`: above 0 merges. */
  readonly merge: tf.Tensor3D;
  /** Mean of q[neuron] over the query heads of the group, `[rows, kvHeads, tokens]`; the offset is not yet added. */
  readonly importance: tf.Tensor3D;
}

/** Index of the decision neuron. */
export function decisionChannel(neuron: "first" | "last", headDim: number): number {
  return neuron === "first" ? 0 : headDim - 1;
}

/**
 * DMC's decisions from un-rotated q and k (Nawrot et al. 2024, section 3.1):
 * merge iff sigmoid(k[neuron] - offset) > threshold; omega = sigmoid(mean over the group of q[neuron] + offset) + epsilon.
 *
 * @param q `[rows, queryHeads, tokens, headDim]`
 * @param k `[rows, kvHeads, tokens, headDim]`
 */
export function decide(q: tf.Tensor4D, k: tf.Tensor4D, options: ResolvedDmcOptions): DmcDecisions {
  const { neuron, offset, epsilon, threshold } = options;
  const attrs = { channel: decisionChannel(neuron, k.shape[3]), offset, epsilon, edge: mergeEdge(threshold) };
  const [merge, omega] = dmcDecide({ q, k }, attrs) as [tf.Tensor3D, tf.Tensor3D];
  return { merge: options.granularity === "layer" ? firstForAll(firstHead(merge), k.shape[1]) : merge, omega };
}

/** What the first of the heads decided, `[rows, 1, tokens]`. */
export function firstHead(x: tf.Tensor3D): tf.Tensor3D {
  return tf.slice(x, [0, 0, 0], [-1, 1, -1]);
}

/** One head's decisions `[rows, 1, tokens]` for all heads. */
export function firstForAll(x: tf.Tensor3D, heads: number): tf.Tensor3D {
  return tf.tile(x, [1, heads, 1]);
}

/**
 * The logit that a threshold stands for: sigmoid(x) > p is x > ln(p / (1 - p)). At 0.5 it is 0, which makes the rule
 * exactly k[neuron] > offset in float32: the difference of two near numbers is not rounded.
 */
export function mergeEdge(threshold: number): number {
  return Math.log(threshold / (1 - threshold));
}

/** omega = sigmoid(importance + offset) + epsilon, above 0 always. */
export function omegaOf(
  importance: tf.Tensor3D,
  { offset, epsilon }: Pick<ResolvedDmcOptions, "offset" | "epsilon">,
): tf.Tensor3D {
  return tf.maximum(tf.add(tf.sigmoid(tf.add(importance, offset)), epsilon), leastOmega);
}

/** Reads the decision neurons of un-rotated q `[rows, queryHeads, tokens, headDim]` and k `[rows, kvHeads, ...]`. */
export function decisionLogits(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  options: Pick<ResolvedDmcOptions, "neuron" | "offset">,
): DmcLogits {
  const [rows, kvHeads, tokens, headDim] = k.shape;
  const channel = decisionChannel(options.neuron, headDim);
  const neuron = (x: tf.Tensor4D) => tf.squeeze(tf.slice(x, [0, 0, 0, channel], [-1, -1, -1, 1]), [3]);
  const grouped = tf.reshape(neuron(q), [rows, kvHeads, q.shape[1] / kvHeads, tokens]);
  return {
    merge: tf.sub(neuron(k), options.offset) as tf.Tensor3D,
    importance: tf.mean(grouped, 2) as tf.Tensor3D,
  };
}

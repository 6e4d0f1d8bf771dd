import * as tf from "@tensorflow/tfjs-core";
import type { ResolvedDmcOptions } from "./dmc-options.js";

/** Decisions of DMC for some tokens. */
export interface DmcDecisions {
  /** 1 merges into the last entry, 0 appends, `[rows, kvHeads, tokens]`; token 0 is as computed. */
  readonly merge: tf.Tensor3D;
  /** Importance omega of each token, `[rows, kvHeads, tokens]`, above 0. */
  readonly omega: tf.Tensor3D;
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
  const { merge: logit, omega } = decisionLogits(q, k, options);
  // sigmoid(x) > p is x > ln(p / (1 - p)): at 0.5 the exact float32 rule k[neuron] > offset
  const edge = Math.log(options.threshold / (1 - options.threshold));
  return {
    merge: tf.cast(tf.greater(logit, edge), "float32"),
    omega: tf.add(tf.sigmoid(omega), options.epsilon),
  };
}

/** k[neuron] - offset and mean q[neuron] + offset, `[rows, kvHeads, tokens]` each: before any noise or rounding. */
export function decisionLogits(q: tf.Tensor4D, k: tf.Tensor4D, options: Pick<ResolvedDmcOptions, "neuron" | "offset">): DmcDecisions {
  const [rows, kvHeads, tokens, headDim] = k.shape;
  const channel = decisionChannel(options.neuron, headDim);
  const neuron = (x: tf.Tensor4D) => tf.squeeze(tf.slice(x, [0, 0, 0, channel], [-1, -1, -1, 1]), [3]);
  const grouped = tf.reshape(neuron(q), [rows, kvHeads, q.shape[1] / kvHeads, tokens]);
  return {
    merge: tf.sub(neuron(k), options.offset) as tf.Tensor3D,
    omega: tf.add(tf.mean(grouped, 2), options.offset) as tf.Tensor3D,
  };
}

import * as tf from "@tensorflow/tfjs-core";
import { decisionChannel, firstForAll, firstHead } from "../decide.js";
import type { ResolvedDmsOptions } from "./dms-options.js";

/**
 * DMS's decision logits: scale x q[neuron] - offset, of the first query head of each group. Above 0 evicts the token
 * *before* the one that decides, once the delay is over.
 *
 * @param q un-rotated, `[rows, queryHeads, tokens, headDim]`
 * @returns `[rows, kvHeads, tokens]`; with granularity `layer` the first head's for all
 */
export function evictionLogits(
  q: tf.Tensor4D,
  kvHeads: number,
  options: Pick<ResolvedDmsOptions, "neuron" | "logitScale" | "offset" | "granularity">,
): tf.Tensor3D {
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const neuron = tf.slice(q, [0, 0, 0, decisionChannel(options.neuron, headDim)], [-1, -1, -1, 1]);
  const grouped = tf.reshape(neuron, [rows, kvHeads, queryHeads / kvHeads, tokens]);
  const first = tf.reshape(tf.slice(grouped, [0, 0, 0, 0], [-1, -1, 1, -1]), [rows, kvHeads, tokens]);
  const logits = tf.sub(tf.mul(first, options.logitScale), options.offset) as tf.Tensor3D;
  return options.granularity === "layer" ? firstForAll(firstHead(logits), kvHeads) : logits;
}

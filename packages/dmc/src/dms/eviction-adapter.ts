import { rmsNorm } from "@kvfold/core";
import type { LayerShape } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { firstForAll, firstHead } from "../decide.js";
import { type ResolvedDmsOptions, refuse } from "./dms-options.js";

/** Weights of a layer's own that decide what is evicted, in place of a neuron of the queries. */
export interface EvictionAdapter {
  /** Gain of the norm over the layer's input, `[hidden]`. */
  readonly norm: tf.Tensor1D;
  /** Added to the mean square under the norm's root. */
  readonly epsilon: number;
  /** `[kvHeads, hidden]`; zeros before training, so that the offset alone decides and every token stays. */
  readonly weight: tf.Tensor2D;
}

/**
 * DMS's decision logits from a layer's input: scale x (weight . norm(input)) - offset (NVIDIA Model-Optimizer, adapters).
 * Above 0 evicts the token *before* the one that decides, once the delay is over.
 *
 * @param input of the layer, before its own norm, `[rows, tokens, hidden]`
 * @returns `[rows, kvHeads, tokens]`; with granularity `layer` the first head's for all
 * @throws KvfoldError `dms-options` when the model gives no input, or one of another width
 */
export function adapterLogits(
  input: tf.Tensor | undefined,
  { norm, epsilon, weight }: EvictionAdapter,
  { logitScale, offset, granularity }: Pick<ResolvedDmsOptions, "logitScale" | "offset" | "granularity">,
): tf.Tensor3D {
  if (input === undefined) refuse("dms with adapters decides by the layer's input: pass it to attention as `input`.");
  const [rows, tokens, hidden] = input.shape as [number, number, number];
  const [kvHeads, width] = weight.shape;
  if (hidden !== width) refuse(`dms adapters read inputs of ${width} numbers; this layer's have ${hidden}.`);
  const normed = rmsNorm({ x: input, weight: norm }, { epsilon, weightOffset: 0 });
  const flat = tf.matMul(tf.reshape(normed, [rows * tokens, hidden]) as tf.Tensor2D, weight, false, true);
  const byHead = tf.transpose(tf.reshape(flat, [rows, tokens, kvHeads]), [0, 2, 1]);
  const logits = tf.sub(tf.mul(byHead, logitScale), offset) as tf.Tensor3D;
  return granularity === "layer" ? firstForAll(firstHead(logits), kvHeads) : logits;
}

/**
 * The adapter that decides for a layer, checked against its shape; undefined where a neuron decides.
 * @throws KvfoldError `dms-options` when there is none, or it is made for another number of KV heads
 */
export function adapterOf(
  { decisions }: Pick<ResolvedDmsOptions, "decisions">,
  adapters: readonly EvictionAdapter[] | undefined,
  { layer, kvHeads }: Pick<LayerShape, "layer" | "kvHeads">,
): EvictionAdapter | undefined {
  if (decisions === "neuron") return undefined;
  const adapter = adapters?.[layer];
  if (adapter === undefined) refuse(`dms has adapters for ${adapters?.length ?? 0} layers; layer ${layer} has none.`);
  const heads = adapter.weight.shape[0];
  if (heads !== kvHeads) {
    refuse(`dms adapter of layer ${layer} decides for ${heads} KV heads; the layer has ${kvHeads}.`);
  }
  return adapter;
}

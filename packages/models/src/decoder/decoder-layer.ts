import { gatedMlp, linear, type Rope, rmsNorm } from "@kvfold/core";
import { attention, type BorrowedChannel, type LayerCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerConfig, ModelConfig } from "../config/model-config.js";
import type { DecoderLayerWeights, Projection } from "./decoder-weights.js";

/** What a decoder layer needs beside its input. */
export interface DecoderLayerContext {
  readonly config: ModelConfig;
  readonly layer: LayerConfig;
  readonly weights: DecoderLayerWeights;
  readonly cache: LayerCache;
  readonly rope: Rope | undefined;
  readonly borrowed: BorrowedChannel | undefined;
  readonly rows: readonly number[];
  readonly lengths: readonly number[];
  readonly tokens: number;
  readonly endOfPrefill: boolean;
}

/** One decoder layer: attention over the cache and a gated MLP, each added to the residual stream `[rows * tokens, hidden]`. */
export function decoderLayer(x: tf.Tensor2D, context: DecoderLayerContext): tf.Tensor2D {
  return tf.tidy(() => {
    const { config, weights } = context;
    const norm = { epsilon: config.normEpsilon, weightOffset: config.normWeightOffset };
    const normed = rmsNorm({ x, weight: weights.inputNorm }, norm) as tf.Tensor2D;
    let attended = attentionBlock(normed, context);
    if (weights.attentionOutputNorm) attended = rmsNorm({ x: attended, weight: weights.attentionOutputNorm }, norm);
    const h = tf.add(x, attended) as tf.Tensor2D;
    let mixed = gatedMlp(rmsNorm({ x: h, weight: weights.mlpNorm }, norm), weights.mlp, config.activation);
    if (weights.mlpOutputNorm) mixed = rmsNorm({ x: mixed, weight: weights.mlpOutputNorm }, norm);
    return tf.add(h, mixed) as tf.Tensor2D;
  });
}

function attentionBlock(normed: tf.Tensor2D, context: DecoderLayerContext): tf.Tensor {
  const { config, weights, rows, tokens, layer } = context;
  const heads = (projection: Projection, count: number, gain?: tf.Tensor1D): tf.Tensor4D => {
    const flat = linear(normed, projection.weight, projection.bias);
    const split = tf.reshape(flat, [rows.length, tokens, count, config.headDim]) as tf.Tensor4D;
    const scaled = gain
      ? (rmsNorm(
          { x: split, weight: gain },
          { epsilon: config.normEpsilon, weightOffset: config.normWeightOffset },
        ) as tf.Tensor4D)
      : split;
    return swapHeadsAndTokens(scaled);
  };
  const out = attention(context.cache, {
    q: heads(weights.q, config.queryHeads, weights.qNorm),
    k: heads(weights.k, config.kvHeads, weights.kNorm),
    v: heads(weights.v, config.kvHeads),
    input: tf.reshape(normed, [rows.length, tokens, config.hiddenSize]),
    scale: config.attentionScale,
    ...(context.rope ? { rope: context.rope } : {}),
    ...(layer.slidingWindow === undefined ? {} : { window: layer.slidingWindow }),
    ...(context.borrowed ? { borrowed: context.borrowed } : {}),
    rows,
    lengths: context.lengths,
    endOfPrefill: context.endOfPrefill,
  });
  const joined = tf.reshape(swapHeadsAndTokens(out), [rows.length * tokens, config.queryHeads * config.headDim]);
  return linear(joined, weights.o.weight, weights.o.bias);
}

/** `[rows, a, b, headDim]` → `[rows, b, a, headDim]`; without moving a number when one of them is 1. */
function swapHeadsAndTokens(x: tf.Tensor4D): tf.Tensor4D {
  const [rows, a, b, headDim] = x.shape;
  return a === 1 || b === 1 ? tf.reshape(x, [rows, b, a, headDim]) : tf.transpose(x, [0, 2, 1, 3]);
}

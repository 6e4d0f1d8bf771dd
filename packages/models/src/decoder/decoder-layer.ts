import { gatedMlp, linear, mlpBlock, normLinears, type Rope, rmsNorm } from "@kvfold/core";
import { attention, type BorrowedChannel, type LayerCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerConfig, ModelConfig } from "../config/model-config.js";
import type { DecoderLayerWeights } from "./decoder-weights.js";

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
    const h = attentionBlock(x, context);
    const mlpNorm = { ...norm, weight: weights.mlpNorm };
    if (weights.mlpOutputNorm === undefined) return mlpBlock(h, mlpNorm, weights.mlp, config.activation) as tf.Tensor2D;
    const mixed = gatedMlp(rmsNorm({ x: h, weight: weights.mlpNorm }, norm), weights.mlp, config.activation);
    return tf.add(h, rmsNorm({ x: mixed, weight: weights.mlpOutputNorm }, norm)) as tf.Tensor2D;
  });
}

/** The residual stream x with the output of attention added. */
function attentionBlock(x: tf.Tensor2D, context: DecoderLayerContext): tf.Tensor2D {
  const { config, weights, rows, tokens, layer } = context;
  const norm = { epsilon: config.normEpsilon, weightOffset: config.normWeightOffset };
  const projections = [weights.q, weights.k, weights.v];
  const [q, k, v] = normLinears(x, { ...norm, weight: weights.inputNorm }, projections) as tf.Tensor2D[] as [
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const heads = (flat: tf.Tensor2D, count: number, gain?: tf.Tensor1D): tf.Tensor4D => {
    const split = tf.reshape(flat, [rows.length, tokens, count, config.headDim]) as tf.Tensor4D;
    const scaled = gain ? (rmsNorm({ x: split, weight: gain }, norm) as tf.Tensor4D) : split;
    return swapHeadsAndTokens(scaled);
  };
  const out = attention(context.cache, {
    q: heads(q, config.queryHeads, weights.qNorm),
    k: heads(k, config.kvHeads, weights.kNorm),
    v: heads(v, config.kvHeads),
    input: tf.reshape(x, [rows.length, tokens, config.hiddenSize]),
    scale: config.attentionScale,
    ...(context.rope ? { rope: context.rope } : {}),
    ...(layer.slidingWindow === undefined ? {} : { window: layer.slidingWindow }),
    ...(context.borrowed ? { borrowed: context.borrowed } : {}),
    rows,
    lengths: context.lengths,
    endOfPrefill: context.endOfPrefill,
  });
  const joined = tf.reshape(swapHeadsAndTokens(out), [rows.length * tokens, config.queryHeads * config.headDim]);
  const { weight, bias } = weights.o;
  if (weights.attentionOutputNorm === undefined) return linear(joined, weight, bias, x) as tf.Tensor2D;
  return tf.add(x, rmsNorm({ x: linear(joined, weight, bias), weight: weights.attentionOutputNorm }, norm));
}

/** `[rows, a, b, headDim]` → `[rows, b, a, headDim]`; without moving a number when one of them is 1. */
function swapHeadsAndTokens(x: tf.Tensor4D): tf.Tensor4D {
  const [rows, a, b, headDim] = x.shape;
  return a === 1 || b === 1 ? tf.reshape(x, [rows, b, a, headDim]) : tf.transpose(x, [0, 2, 1, 3]);
}

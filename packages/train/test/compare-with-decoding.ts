import type { CachePolicy } from "@kvfold/kv-cache";
import { Decoder, loadDecoderWeights, type ModelConfig, type TensorSource } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { Parameters } from "../src/model/parameters.js";
import { TrainingModel } from "../src/model/training-model.js";

/** What {@link compareWithDecoding} found. */
export interface Comparison {
  /** Largest absolute difference of a logit. */
  readonly difference: number;
  /** Largest absolute logit. */
  readonly largest: number;
  /** Distance of the nearest decision from its threshold: near 0, rounding may tip it, and the outputs part. */
  readonly margin: number;
  /** Tokens per entry of the cache after decoding. */
  readonly ratio: number;
}

/**
 * Law 10 on a whole model: what training with hard decisions computes for whole rows, against decoding the same tokens
 * one by one over the compacted cache.
 *
 * @param weights of a model whose config states its retrofit, or of any model for policies that need none
 * @param policy whose training form decides hard, as the inference policies' own forms do
 * @param ids token ids, rows of equal length
 */
export function compareWithDecoding(
  weights: TensorSource,
  config: ModelConfig,
  policy: CachePolicy,
  ids: readonly (readonly number[])[],
): Comparison {
  const trained = trainedLogits(weights, config, policy, ids);
  const decoded = decodedLogits(weights, config, policy, ids);
  const largestOf = (values: Float32Array) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return {
    difference: largestOf(trained.logits.map((x, i) => x - (decoded.logits[i] as number))),
    largest: largestOf(decoded.logits),
    margin: trained.margin,
    ratio: decoded.ratio,
  };
}

function trainedLogits(
  source: TensorSource,
  config: ModelConfig,
  policy: CachePolicy,
  ids: readonly (readonly number[])[],
) {
  using parameters = Parameters.load(source, config);
  using model = new TrainingModel(config);
  const [rows, length] = [ids.length, ids[0]?.length ?? 0];
  const batch = {
    rows,
    length,
    tokens: Int32Array.from(ids.flat()),
    labels: new Int32Array(rows * length).fill(-1),
    documents: new Int32Array(rows * length),
  };
  const { layers, queryHeads, kvHeads, headDim } = config;
  const policies = config.perLayer.map((_, layer) => policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim }));
  let logits = new Float32Array();
  let margin = Number.POSITIVE_INFINITY;
  tf.tidy(() => {
    const plan = { policies, seed: 0, step: 0, sequence: 0 };
    const { hidden, auxiliary } = model.hidden(parameters.get, batch, plan);
    logits = model.logits(parameters.get, hidden).dataSync<"float32">().slice();
    for (const { logits: decisions } of auxiliary) {
      if (decisions) margin = Math.min(margin, tf.min(tf.abs(decisions)).dataSync()[0] as number);
    }
  });
  return { logits, margin };
}

function decodedLogits(
  source: TensorSource,
  config: ModelConfig,
  policy: CachePolicy,
  ids: readonly (readonly number[])[],
) {
  using decoder = new Decoder(config, loadDecoderWeights(source, config, { weights: "dense" }));
  using cache = decoder.createCache(policy, ids.length);
  const steps = Array.from({ length: ids[0]?.length ?? 0 }, (_, t) => {
    const tokens = ids.map((row) => [row[t] as number]);
    return tf.tidy(() => decoder.forward(cache, tokens, { logits: "all" }).dataSync<"float32">().slice());
  });
  const { compressionRatio } = cache.stats();
  const perRow = ids.map((_, row) =>
    steps.flatMap((step) => {
      const vocab = step.length / ids.length;
      return [...step.subarray(row * vocab, (row + 1) * vocab)];
    }),
  );
  return { logits: Float32Array.from(perRow.flat()), ratio: compressionRatio };
}

import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { attention } from "../attention.js";
import { KvCache, type KvCacheOptions } from "../kv-cache.js";
import type { CachePolicy } from "../policy.js";

/** A small cache (2 layers, 2 query heads on 1 KV head of 4) for tests of behaviour. */
export function tinyCache(policy: CachePolicy, options: Partial<KvCacheOptions> = {}): KvCache {
  return new KvCache({ policy, layers: 2, queryHeads: 2, kvHeads: 1, headDim: 4, ...options });
}

/** Reads `tokens` random tokens into every row; returns the last layer's output as numbers. */
export function read(cache: KvCache, tokens: number, seed = 1): number[] {
  const { layers, queryHeads, kvHeads, headDim } = cache.options;
  const random = seeded(seed);
  const draw = (heads: number) =>
    random.normal<[number, number, number, number], tf.Rank.R4>([cache.rows, heads, tokens, headDim]);
  let out: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    out = tf.tidy(() => {
      const call = { q: draw(queryHeads), k: draw(kvHeads), v: draw(kvHeads) };
      return [...attention(cache.layer(layer), call).dataSync()];
    });
  }
  return out;
}

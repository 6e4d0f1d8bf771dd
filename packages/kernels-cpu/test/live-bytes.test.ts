// The allocator's own figure against what entries and state need, for lanes of very different lengths.
import { seeded } from "@kvfold/core/testing";
import { dmc } from "@kvfold/dmc";
import { attention, KvCache, parsePolicy } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

const [layers, kvHeads, headDim] = [3, 3, 64];
/** Bytes of a number, and of what is kept beside the numbers of an entry: int8 has a scale for its key and its value. */
const codecs = { f32: [4, 0], bf16: [2, 0], int8: [1, 8] } as const;

beforeAll(async () => {
  await tf.setBackend("native");
});

function filled(spec: string, codec: string, tokens: number): KvCache {
  const policy = spec.startsWith("dmc") ? dmc({ force: Number(spec.split("=")[1]) }) : parsePolicy(spec);
  const cache = new KvCache({ policy, layers, queryHeads: kvHeads, kvHeads, headDim, codec });
  for (let at = 0; at < tokens; at += 512) {
    const count = Math.min(512, tokens - at);
    for (let layer = 0; layer < layers; layer++) {
      tf.tidy(() => {
        const part = () =>
          seeded(at + layer).normal<[number, number, number, number], tf.Rank.R4>([1, kvHeads, count, headDim]);
        attention(cache.layer(layer), { q: part(), k: part(), v: part() });
      });
    }
  }
  return cache;
}

describe.each(Object.entries(codecs))("live bytes, entries in %s", (codec, [bytes, beside]) => {
  it.each([
    ["full", 513],
    ["full", 1000],
    ["window:sinks=4,recent=700", 900],
    ["dmc:force=4", 8200],
    ["dmc:force=8", 8200],
  ])("%s after %d tokens: at most 1.05 of entries and state", (spec, tokens) => {
    const cache = filled(spec, codec, tokens);
    const stats = cache.stats();
    const entries = stats.layers.flatMap((layer) => layer.entries.flat());
    const columns = spec === "full" ? 0 : 4;
    const state = stats.layers.reduce((sum, { stateBytes }) => sum + stateBytes, 0);
    const needed = stats.entries * (2 * headDim * bytes + beside + columns) + state;
    if (!spec.startsWith("dmc")) expect(Math.min(...entries)).toBeGreaterThanOrEqual(512);
    else expect(Math.max(...entries) / Math.min(...entries)).toBeGreaterThan(4); // ratios are spread
    expect(cache.liveBytes).toBeGreaterThanOrEqual(needed);
    expect(cache.liveBytes / needed).toBeLessThanOrEqual(1.05);
    cache.dispose();
  });
});

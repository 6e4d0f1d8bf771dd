import { attention, decodeCache, encodeCache, full, KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../index.js";

const shape = { layers: 1, queryHeads: 2, kvHeads: 1, headDim: 32 };
const tensor = (heads: number, tokens: number, seed: number) =>
  tf.randomNormal<tf.Rank.R4>([1, heads, tokens, shape.headDim], 0, 1, "float32", seed);

/** Reads tokens into a cache. @returns attention's output */
function read(cache: KvCache, tokens: number, seed: number): Float32Array {
  return tf.tidy(() => {
    const [q, k, v] = [tensor(2, tokens, seed), tensor(1, tokens, seed + 1), tensor(1, tokens, seed + 2)];
    return attention(cache.layer(0), { q, k, v }).dataSync<"float32">().slice();
  });
}

const furthest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);

beforeAll(() => tf.setBackend("native"));

describe("files of caches with coded entries", () => {
  it.each(["bf16", "int8"])("go on exactly in %s, and near that in another storage", async (codec) => {
    using cache = new KvCache({ policy: full(), ...shape, codec });
    read(cache, 48, 1);
    const bytes = await encodeCache(cache);
    using same = decodeCache(bytes, { policy: full() });
    using plain = decodeCache(bytes, { policy: full(), codec: "f32" });
    using coded = decodeCache(bytes, { policy: full(), codec: "int8" });
    expect(same.options.codec).toBe(codec);
    expect(same.liveBytes).toBe(cache.liveBytes);
    expect(plain.liveBytes).toBeGreaterThan(1.8 * same.liveBytes);
    expect(coded.liveBytes).toBeLessThan(0.35 * plain.liveBytes);
    const next = read(cache, 1, 9);
    expect(read(same, 1, 9)).toEqual(next);
    expect(furthest(read(plain, 1, 9), next)).toBeLessThan(0.03); // only the new entry is rounded otherwise
    expect(furthest(read(coded, 1, 9), next)).toBeLessThan(0.03);
  });
});

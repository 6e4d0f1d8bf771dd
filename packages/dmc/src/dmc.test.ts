import { chooseBackend, KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { randomInputs } from "../test/random-inputs.js";
import { runCache } from "../test/run-cache.js";
import { decide } from "./decide.js";
import { dmc, mergeStateBytes } from "./dmc.js";
import { type DmcOptions, resolveDmcOptions } from "./dmc-options.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

describe("threshold", () => {
  it("0.5 is exactly k > offset in float32, next to the offset too", () => {
    const bits = new Uint32Array(1);
    const value = new Float32Array(bits.buffer);
    const step = (x: number, by: number) => {
      value[0] = x;
      bits[0] = (bits[0] as number) + by;
      return value[0] as number;
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 20 }), fc.integer({ min: -3, max: 3 }), (n, ulps) => {
        const offset = Math.fround(n / 1024);
        const neuron = step(offset, ulps);
        const k = tf.tensor4d([0, neuron], [1, 1, 1, 2]);
        const { merge } = decide(k, k, resolveDmcOptions({ offset }));
        expect(merge.dataSync()[0]).toBe(neuron > offset ? 1 : 0);
      }),
    );
  });

  it("lower merges more, never less", () => {
    const inputs = randomInputs(3, { rows: 2, tokens: 200 });
    const entries = [0.999, 0.9, 0.5, 0.1, 0.001].map((threshold) => {
      const { cache } = runCache(dmc({ threshold }), inputs, 200);
      const stats = cache.stats();
      cache.dispose();
      return stats.layers[0]?.entries.flat() ?? [];
    });
    entries.slice(1).forEach((lower, i) => {
      lower.forEach((count, lane) => {
        expect(count).toBeLessThan(entries[i]?.[lane] ?? 0);
      });
    });
  });
});

describe("dmc", () => {
  it("stays finite where every importance underflows", () => {
    const inputs = randomInputs(5, { rows: 1, tokens: 40 });
    const q = tf.fill(inputs.q.shape, -1e4) as tf.Tensor4D;
    for (const chunk of [1, 40]) {
      const { cache, out } = runCache(dmc({ epsilon: 0 }), { ...inputs, q }, chunk);
      expect(tf.all(tf.isFinite(out)).dataSync()[0]).toBe(1);
      expect(cache.stats().compressionRatio).toBeGreaterThan(1);
      cache.dispose();
    }
  });

  it("accounts for entries and state, and nothing else", () => {
    const inputs = randomInputs(4, { rows: 2, tokens: 300 });
    for (const window of [12, 5, null]) {
      const { cache, out } = runCache(dmc({ window }), inputs, 300);
      out.dispose();
      const stats = cache.stats();
      const [layer] = stats.layers;
      const state = 2 * mergeStateBytes(window, { kvHeads: 2, headDim: 8 });
      expect(layer?.stateBytes).toBe(state);
      expect(stats.liveBytes).toBe(stats.entries * (2 * 8 + 1) * 4 + state);
      expect(stats.entries).toBeLessThan(0.8 * 4 * 300);
      cache.dispose();
    }
  });

  it("on a model that was not retrofitted nearly everything appends", () => {
    const { q, k, v } = randomInputs(5, { tokens: 400 });
    const shrunk = tf.mul(k, 0.1) as tf.Tensor4D; // neurons around 0.5 where the rule asks for 5
    const { cache } = runCache(dmc(), { q, k: shrunk, v }, 400);
    expect(cache.stats().compressionRatio).toBe(1);
    cache.dispose();
  });

  it("plans with the ratio that the retrofit aimed at", () => {
    const shape = { layer: 0, layers: 2, queryHeads: 4, kvHeads: 2, headDim: 8 };
    expect(dmc().estimate(1000, shape).entries).toBe(2000);
    expect(dmc({ targetRatio: 4 }).estimate(1000, shape)).toEqual({
      entries: 500,
      columns: 1,
      stateBytes: mergeStateBytes(12, shape),
    });
  });

  it.each<[DmcOptions, string]>([
    [{ threshold: 0 }, "threshold must lie between 0 and 1; got 0"],
    [{ threshold: Number.NaN }, "got NaN"],
    [{ window: 0 }, "positive integer"],
    [{ window: 2 ** 30 }, "up to 65536"],
    [{ epsilon: -1 }, "epsilon must lie in 0..1"],
    [{ offset: Number.POSITIVE_INFINITY }, "offset must be a number"],
    [{ force: 0.5 }, "force must lie in 1..16"],
    [{ force: 2, threshold: 0.5 }, "give one of the two"],
    [{ layers: [0, -1] }, "layer numbers from 0; got -1"],
    [{ targetRatio: 0 }, "targetRatio must be at least 1"],
    [{ neuron: "middle" as "last" }, "'first' or 'last'; got 'middle'"],
  ])("refuses %j", (options, message) => {
    try {
      dmc(options);
    } catch (error) {
      expect(KvfoldError.isInstance(error) && error.code).toBe("dmc-options");
      expect((error as Error).message).toContain(message);
      return;
    }
    throw new Error("nothing was refused");
  });

  it("takes an option that is stated as undefined as left out", () => {
    expect(dmc({ window: undefined } as unknown as DmcOptions).name).toBe("dmc");
  });
});

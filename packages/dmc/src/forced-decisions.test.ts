import { chooseBackend } from "@kvfold/core";
import { attention, KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { randomInputs } from "../test/random-inputs.js";
import { dmc } from "./dmc.js";
import { forcedDensities, forcedEntries, forcedMerge } from "./forced-decisions.js";
import { maxForcedRatio } from "./learned-options.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

const modelArbitrary = fc
  .record({ layers: fc.integer({ min: 1, max: 48 }), kvHeads: fc.integer({ min: 1, max: 32 }) })
  .filter(({ layers, kvHeads }) => layers * kvHeads >= 8);

describe("forced densities", () => {
  it("give the asked ratio over all lanes, and ratios of 1 to 16", () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 16, noNaN: true }), fc.integer({ min: 1, max: 2000 }), (force, lanes) => {
        const densities = forcedDensities(force, lanes);
        expect(densities.length).toBe(lanes);
        expect(densities.reduce((a, b) => a + b, 0) / lanes).toBeCloseTo(1 / force, 6);
        for (const density of densities) {
          expect(1 / density).toBeGreaterThanOrEqual(1);
          expect(1 / density).toBeLessThanOrEqual(maxForcedRatio * (1 + 1e-12));
        }
      }),
    );
  });

  it("spread over 1 to 16 and differ inside a layer", () => {
    const ratios = Array.from(forcedDensities(4, 64), (density) => 1 / density);
    expect(Math.min(...ratios)).toBeLessThan(1.5);
    expect(Math.max(...ratios)).toBeGreaterThan(14);
    for (let layer = 0; layer < 8; layer++) {
      const heads = ratios.slice(layer * 8, layer * 8 + 8);
      expect(Math.max(...heads) / Math.min(...heads)).toBeGreaterThan(4);
    }
  });
});

describe("forced decisions", () => {
  it("hold 1,024 tokens within 3 % of the asked ratio, whatever the model's size", () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 8, noNaN: true }), modelArbitrary, (force, { layers, kvHeads }) => {
        const tokens = 1024;
        const entries = Array.from({ length: layers }, (_, layer) => {
          const shape = { layer, layers, queryHeads: kvHeads, kvHeads, headDim: 4 };
          return dmc({ force }).estimate(tokens, shape).entries;
        }).reduce((a, b) => a + b, 0);
        const ratio = (tokens * layers * kvHeads) / entries;
        expect(Math.abs(ratio / force - 1)).toBeLessThan(0.03);
      }),
    );
  });

  it("open entries evenly in any chunking", () => {
    fc.assert(
      fc.property(fc.double({ min: 1 / 16, max: 1, noNaN: true }), fc.integer({ min: 2, max: 40 }), (density, cut) => {
        const densities = Float64Array.of(density);
        const merge = (start: number, tokens: number) => [
          ...forcedMerge(densities, { rows: [0], tokens, lengths: [tokens], starts: [start] }).dataSync(),
        ];
        const whole = merge(0, 80);
        expect([...merge(0, cut), ...merge(cut, 80 - cut)]).toEqual(whole);
        whole.forEach((_, t) => {
          const opened = whole.slice(0, t + 1).filter((x) => x === 0).length;
          expect(opened).toBe(forcedEntries(density, t + 1));
        });
      }),
      { numRuns: 30 },
    );
  });

  it("a cache of any length holds what the estimate says", () => {
    const [layers, tokens] = [4, 100];
    const { q, k, v } = randomInputs(1, { tokens });
    const policy = dmc({ force: 4 });
    const cache = new KvCache({ policy, layers, queryHeads: 4, kvHeads: 2, headDim: 8 });
    for (let layer = 0; layer < layers; layer++) {
      const part = (x: tf.Tensor4D, start: number, size: number) => tf.slice(x, [0, 0, start, 0], [-1, -1, size, -1]);
      for (const [start, size] of [[0, 60] as const, ...Array.from({ length: 40 }, (_, i) => [60 + i, 1] as const)]) {
        const call = { q: part(q, start, size), k: part(k, start, size), v: part(v, start, size) };
        attention(cache.layer(layer), call).dispose();
      }
    }
    const stats = cache.stats();
    const estimates = stats.layers.map(({ layer }) => policy.estimate(tokens, { ...cache.layer(layer).shape }).entries);
    expect(stats.layers.map(({ entries }) => entries.flat().reduce((a, b) => a + b, 0))).toEqual(estimates);
    expect(stats.compressionRatio).toBeGreaterThan(3.5);
    expect(stats.compressionRatio).toBeLessThan(4.1);
    cache.dispose();
  });

  it("count only layers that fold", () => {
    const policy = dmc({ force: 4, layers: [1, 3, 5, 7] });
    const shape = (layer: number) => ({ layer, layers: 8, queryHeads: 4, kvHeads: 4, headDim: 8 });
    expect(policy.estimate(1024, shape(0)).entries).toBe(4 * 1024);
    const folded = [1, 3, 5, 7].reduce((sum, layer) => sum + policy.estimate(1024, shape(layer)).entries, 0);
    expect(Math.abs((16 * 1024) / folded / 4 - 1)).toBeLessThan(0.03);
    expect(policy.forLayer(shape(0)).traits.borrowed).toBeUndefined();
  });

  it("say that the text is meaningless", () => {
    expect(dmc({ force: 4 }).name).toBe("dmc:force=4");
    expect(dmc({ force: 4 }).note).toMatch(/text is meaningless/);
    expect(dmc().note).toBeUndefined();
  });
});

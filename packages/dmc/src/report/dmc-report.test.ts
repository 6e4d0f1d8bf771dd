import { chooseBackend } from "@kvfold/core";
import { attention, KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { randomInputs } from "../../test/random-inputs.js";
import { dmc, mergeStateBytes } from "../dmc.js";
import { dmcReport } from "./dmc-report.js";
import { formatDmcReport } from "./format-dmc-report.js";
import { summariseSegments } from "./segment-summary.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

const tokens = 96;

/** A cache of two rows and three layers, of which the last does not fold. */
function filledCache(): KvCache {
  const cache = new KvCache({
    policy: dmc({ layers: [0, 1] }),
    layers: 3,
    queryHeads: 4,
    kvHeads: 2,
    headDim: 8,
    rows: 2,
  });
  for (let layer = 0; layer < 3; layer++) {
    const { q, k, v } = randomInputs(layer, { rows: 2, tokens });
    attention(cache.layer(layer), { q, k, v, lengths: [tokens, tokens - 20] }).dispose();
    tf.dispose([q, k, v]);
  }
  return cache;
}

describe("dmcReport", () => {
  it("adds up: heads to layers, layers to the cache, segments to tokens", () => {
    const cache = filledCache();
    const stats = cache.stats();
    const report = dmcReport(stats);
    expect(report.tokens).toBe(3 * 2 * (2 * tokens - 20));
    expect(report.entries).toBe(stats.entries);
    expect(report.compressionRatio).toBeCloseTo(stats.compressionRatio, 12);
    expect(report.byteRatio).toBeCloseTo(stats.byteRatio, 12);
    for (const layer of report.layers) {
      const sum = (pick: (head: (typeof layer.heads)[number]) => number) =>
        layer.heads.reduce((total, head) => total + pick(head), 0);
      expect(sum((head) => head.tokens)).toBe(layer.tokens);
      expect(sum((head) => head.entries)).toBe(layer.entries);
      expect(sum((head) => head.liveBytes)).toBeCloseTo(layer.liveBytes, 6);
    }
    expect(report.layers.map((layer) => layer.segments !== undefined)).toEqual([true, true, false]);
    for (const layer of report.layers.slice(0, 2)) {
      for (const head of layer.heads) {
        const { mean = 0, histogram = [] } = head.segments ?? {};
        expect(mean * head.entries).toBeCloseTo(head.tokens, 6);
        expect(histogram.reduce((n, bin) => n + bin.count, 0)).toBe(head.entries);
      }
    }
    cache.dispose();
  });

  it("counts the ring: a head's bytes are its entries and its share of the state", () => {
    const cache = filledCache();
    const [layer] = dmcReport(cache.stats()).layers;
    const state = (2 * mergeStateBytes(12, { kvHeads: 2, headDim: 8 })) / 2;
    for (const head of layer?.heads ?? []) {
      expect(head.liveBytes).toBeCloseTo(head.entries * (2 * 8 + 1) * 4 + state, 6);
      expect(head.byteRatio).toBeCloseTo((head.tokens * 2 * 8 * 4) / head.liveBytes, 12);
    }
    cache.dispose();
  });

  it("an empty cache reports nothing, not NaN", () => {
    const cache = new KvCache({ policy: dmc(), layers: 1, queryHeads: 2, kvHeads: 2, headDim: 4 });
    const report = dmcReport(cache.stats());
    expect(report).toMatchObject({ tokens: 0, entries: 0, compressionRatio: 1, byteRatio: 1 });
    expect(report.segments).toEqual({ mean: 0, max: 0, histogram: [] });
    expect(formatDmcReport(report)).not.toContain("NaN");
    cache.dispose();
  });
});

describe("summariseSegments", () => {
  it("puts every segment in exactly one bin", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 })), (lengths) => {
        const { max, histogram } = summariseSegments(lengths);
        expect(histogram.reduce((n, bin) => n + bin.count, 0)).toBe(lengths.length);
        expect(max).toBe(Math.max(0, ...lengths));
        histogram.forEach((bin, i) => {
          expect(bin.from).toBe(i === 0 ? 1 : (histogram[i - 1]?.to ?? 0) + 1);
        });
      }),
    );
  });

  it("bins double", () => {
    expect(summariseSegments([1, 1, 2, 3, 4, 5, 9])).toEqual({
      mean: 25 / 7,
      max: 9,
      histogram: [
        { from: 1, to: 1, count: 2 },
        { from: 2, to: 2, count: 1 },
        { from: 3, to: 4, count: 2 },
        { from: 5, to: 8, count: 1 },
        { from: 9, to: 16, count: 1 },
      ],
    });
  });
});

describe("formatDmcReport", () => {
  it("shows a layer a line, a character a head", () => {
    const cache = new KvCache({ policy: dmc({ force: 4 }), layers: 2, queryHeads: 8, kvHeads: 8, headDim: 4 });
    for (const layer of [0, 1]) {
      const { q, k, v } = randomInputs(layer, { tokens, queryHeads: 8, kvHeads: 8, headDim: 4 });
      attention(cache.layer(layer), { q, k, v }).dispose();
    }
    const report = dmcReport(cache.stats());
    const lines = formatDmcReport(report).split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^layer +tokens +entries +CR +bytes +segment +heads +lengths$/);
    const map = lines[1]?.slice(lines[0]?.indexOf("heads")).slice(0, 8) ?? "";
    report.layers[0]?.heads.forEach((head, i) => {
      expect("·░▒▓█".indexOf(map[i] ?? "?")).toBe(Math.min(4, Math.round(Math.log2(head.compressionRatio))));
    });
    expect(lines[3]).toContain(report.compressionRatio.toFixed(2));
    cache.dispose();
  });
});

import { chooseBackend, KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { attention } from "./attention.js";
import { KvCache, type KvCacheOptions, liveBytesOf } from "./kv-cache.js";
import { full } from "./policies/full.js";
import { h2o } from "./policies/h2o.js";
import { window } from "./policies/window.js";
import type { CachePolicy } from "./policy.js";
import { ReferenceStore } from "./reference-store/reference-store.js";
import { read, tinyCache } from "./testing/tiny-cache.js";

await chooseBackend({ prefer: "cpu" });

const errorOf = (run: () => unknown): KvfoldError => {
  try {
    run();
  } catch (error) {
    if (KvfoldError.isInstance(error)) return error;
  }
  throw new Error("no KvfoldError was thrown");
};

const small = () => window({ sinks: 1, recent: 3 });

describe("KvCache options", () => {
  it.each([
    [{ layers: 0 }, "layers must be a positive integer; got 0."],
    [{ headDim: 2.5 }, "headDim must be a positive integer; got 2.5."],
    [{ rows: -1 }, "rows must be a non-negative integer; got -1."],
    [{ queryHeads: 3, kvHeads: 2 }, "queryHeads (3) must be a multiple of kvHeads (2)."],
    [{ codec: "int8" }, "The reference store keeps entries as f32; 'int8' needs a backend"],
  ])("refuses %o", (change, message) => {
    expect(errorOf(() => tinyCache(full(), change)).message).toContain(message);
  });

  it("names the layers that exist", () => {
    using cache = tinyCache(full());
    expect(errorOf(() => cache.layer(2)).message).toBe("There is no layer 2; this cache has 2, from 0.");
  });

  it("may start without rows", () => {
    using cache = tinyCache(full(), { rows: 0 });
    expect(cache.tokens).toEqual([]);
    cache.addRows(2);
    read(cache, 3);
    expect(cache.tokens).toEqual([3, 3]);
  });
});

describe("crop", () => {
  it("goes anywhere under a lossless policy, row by row", () => {
    using cache = tinyCache(full(), { rows: 2 });
    read(cache, 5);
    cache.crop([2, 4]);
    expect(cache.tokens).toEqual([2, 4]);
    cache.crop(3);
    expect(cache.tokens).toEqual([2, 3]);
    expect(cache.stats().entries).toBe(2 * 5);
  });

  it("to the present position or beyond changes nothing", () => {
    using cache = tinyCache(small());
    read(cache, 6);
    cache.crop(6);
    cache.crop(100);
    expect(cache.tokens).toEqual([6]);
  });

  it("refuses elsewhere and names the nearest restorable position", () => {
    using cache = tinyCache(small());
    read(cache, 4);
    cache.checkpoint();
    read(cache, 4);
    const error = errorOf(() => cache.crop(6));
    expect(error.code).toBe("cache-crop");
    expect(error.message).toBe(
      "Policy 'window:sinks=1,recent=3' cannot return to position 6: what it merged or dropped is gone. The nearest restorable position is 4; call checkpoint() where you will want to return.",
    );
    expect(cache.tokens).toEqual([8]);
    expect(errorOf(() => cache.crop(1)).message).toContain("nearest restorable position is 0");
    cache.crop(4);
    expect(cache.tokens).toEqual([4]);
  });

  it.each([[-1], [1.5], [Number.NaN]])("refuses %d", (n) => {
    using cache = tinyCache(full());
    read(cache, 3);
    expect(errorOf(() => cache.crop(n)).message).toContain("crop takes token counts >= 0");
  });
});

describe("checkpoints", () => {
  it("can be returned to more than once; later ones are forgotten", () => {
    using cache = tinyCache(h2o({ budget: 3 }));
    read(cache, 3);
    cache.checkpoint();
    read(cache, 2);
    cache.checkpoint();
    const first = read(cache, 2, 7);
    cache.crop(3);
    expect(errorOf(() => cache.crop(2)).message).toContain("nearest restorable position is 3");
    read(cache, 2);
    expect(read(cache, 2, 7)).toEqual(first);
    cache.crop(3);
    expect(cache.tokens).toEqual([3]);
  });

  it("cost memory only for what later steps replace, and are counted", () => {
    using cache = tinyCache(full());
    read(cache, 4);
    const bytes = cache.liveBytes;
    cache.checkpoint();
    expect(cache.liveBytes).toBe(bytes);
    read(cache, 1);
    expect(cache.liveBytes).toBe(bytes + (bytes / 4) * 5);
    cache.dropCheckpoints();
    expect(cache.liveBytes).toBe((bytes / 4) * 5);
  });

  it("are dropped when rows change, for they no longer fit", () => {
    using cache = tinyCache(small());
    read(cache, 6);
    cache.checkpoint();
    read(cache, 2);
    cache.addRows(1);
    expect(errorOf(() => cache.crop([6, 0])).message).toContain("nearest restorable position is [8,0]");
  });
});

describe("fork", () => {
  it("is independent and shares until written", () => {
    using cache = tinyCache(full());
    read(cache, 4);
    using copy = cache.fork();
    expect(liveBytesOf([cache, copy])).toBe(cache.liveBytes);
    read(copy, 3);
    expect([cache.tokens, copy.tokens]).toEqual([[4], [7]]);
    expect(liveBytesOf([cache, copy])).toBe(cache.liveBytes + copy.liveBytes);
    cache.dispose();
    read(copy, 1);
    expect(copy.tokens).toEqual([8]);
  });
});

describe("rows", () => {
  it("are selected, repeated and freed", () => {
    using cache = tinyCache(full(), { rows: 3 });
    read(cache, 2);
    cache.crop([0, 1, 2]);
    cache.selectRows([2, 1, 2]);
    expect(cache.tokens).toEqual([2, 1, 2]);
    expect(cache.layer(1).laneLengths()).toEqual([2, 1, 2]);
    cache.selectRows([1]);
    expect(cache.liveBytes).toBe(2 * 2 * 4 * 4);
  });

  it.each([[[3]], [[-1]], [[0.5]]])("refuses %o", (rows) => {
    using cache = tinyCache(full(), { rows: 3 });
    expect(errorOf(() => cache.selectRows(rows)).message).toBe(`There is no row ${rows[0]}; this cache has 3, from 0.`);
  });

  it("are all emptied by reset", () => {
    using cache = tinyCache(small(), { rows: 2 });
    read(cache, 9);
    cache.reset();
    expect([cache.tokens, cache.liveBytes, cache.rows]).toEqual([[0, 0], 0, 2]);
  });
});

describe("dispose", () => {
  it("frees everything, twice is fine, and use afterwards says so", () => {
    const before = tf.memory().numTensors;
    const cache = tinyCache(h2o({ budget: 3 }), { rows: 2 });
    read(cache, 5);
    cache.checkpoint();
    cache.dispose();
    cache.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(cache.liveBytes).toBe(0);
    for (const use of [() => cache.layer(0), () => cache.stats(), () => cache.fork(), () => cache.crop(0)]) {
      expect(errorOf(use).code).toBe("cache-disposed");
    }
  });
});

describe("hold", () => {
  it("keeps the cache for one step: what else would change it throws, and dispose waits", () => {
    const before = tf.memory().numTensors;
    const cache = tinyCache(full(), { rows: 2 });
    read(cache, 5);
    const release = cache.hold();
    const uses = [
      () => cache.hold(),
      () => cache.fork(),
      () => cache.crop(0),
      () => cache.reset(),
      () => cache.addRows(1),
      () => cache.selectRows([0]),
      () => cache.checkpoint(),
      () => cache.snapshotLayers(),
      () => cache.restoreLayers([], [0, 0]),
    ];
    for (const use of uses) expect(errorOf(use).code).toBe("cache-busy");
    expect(cache.tokens).toEqual([5, 5]);
    release();
    cache.crop(3);
    cache.hold()();
    const last = cache.hold();
    cache.dispose();
    expect(errorOf(() => cache.layer(0)).code).toBe("cache-disposed");
    expect(tf.memory().numTensors).toBeGreaterThan(before);
    last();
    last();
    release();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("stats", () => {
  it("count tokens, entries, bytes and peaks, in all and for each layer", () => {
    using cache = tinyCache(small());
    read(cache, 7);
    read(cache, 1);
    const stats = cache.stats();
    const entry = 2 * 4 * 4;
    expect(stats).toMatchObject({
      tokens: 8,
      entries: 8,
      compressionRatio: 2,
      logicalBytes: 2 * 8 * entry,
      liveBytes: 2 * 4 * (entry + 4),
      byteRatio: (2 * 8 * entry) / (2 * 4 * (entry + 4)),
      peakEntries: 14,
    });
    expect(stats.layers.map(({ layer, tokens, entries }) => ({ layer, tokens, entries }))).toEqual([
      { layer: 0, tokens: [8], entries: [[4]] },
      { layer: 1, tokens: [8], entries: [[4]] },
    ]);
  });

  it("of an empty cache are 1 and 0, never NaN", () => {
    using cache = tinyCache(full());
    expect(cache.stats()).toMatchObject({ tokens: 0, entries: 0, compressionRatio: 1, byteRatio: 1, liveBytes: 0 });
  });

  it("show the segments of merging policies", () => {
    // tokens 1, 2, 4 merge into the entry before them
    const merging: CachePolicy = {
      name: "merging",
      forLayer: () => ({
        traits: { rotation: "at-write", columns: ["position"], mergeWindow: null, lossless: false, chunking: "exact" },
        decide: ({ k, step }) => ({
          op: "merge",
          merge: tf.tensor3d(
            Array.from({ length: step.tokens }, (_, t) => ([1, 2, 4].includes((step.starts[0] ?? 0) + t) ? 1 : 0)),
            [1, 1, step.tokens],
          ),
          omega: tf.ones([1, 1, k.shape[2]]),
        }),
      }),
      estimate: (tokens) => ({ entries: tokens, columns: 1, stateBytes: 0 }),
    };
    using cache = new KvCache({ policy: merging, layers: 1, queryHeads: 2, kvHeads: 1, headDim: 4 });
    read(cache, 4);
    read(cache, 3);
    expect(cache.stats().layers[0]?.segments).toEqual([[[3, 2, 1, 1]]]);
    expect(cache.stats().compressionRatio).toBe(7 / 4);
  });
});

describe("a coordinator", () => {
  it("sees every layer once a step and may drop in each", () => {
    const calls: number[] = [];
    const policy: CachePolicy = {
      ...full(),
      name: "coordinated",
      forLayer: (shape) => ({
        ...full().forLayer(shape),
        traits: { ...full().forLayer(shape).traits, columns: ["position"], lossless: false },
      }),
      coordinate: (contexts) => {
        calls.push(contexts.length);
        return contexts.map(({ shape }) =>
          shape.layer === 0 ? { op: "drop-range", from: 0, keepLast: 2 } : undefined,
        );
      },
    };
    using cache = tinyCache(policy);
    read(cache, 3);
    read(cache, 1);
    expect(calls).toEqual([2, 2]);
    expect(cache.stats().layers.map(({ entries }) => entries)).toEqual([[[2]], [[4]]]);
  });
});

describe("endOfPrefill", () => {
  it("is asked once, with the last chunk of the prompt, and may choose for each row", () => {
    // SnapKV's shape: the mass of the last queries decides, budgets are a part of each prompt
    const base = full();
    const policy: CachePolicy = {
      ...base,
      name: "prompt",
      forLayer: (shape) => ({
        decide: () => ({ op: "append" }),
        traits: {
          ...base.forLayer(shape).traits,
          columns: ["position", "mass"],
          massQueries: 2,
          lossless: false,
          chunking: "defines",
        },
        observe: ({ mass }) => ({ mass: mass as tf.Tensor3D }),
        endOfPrefill: (context) => ({
          op: "drop-lowest",
          scores: context.column("mass"),
          keep: context.step.starts.map((start, row) => Math.trunc((start + (context.step.lengths[row] ?? 0)) / 2)),
        }),
      }),
    };
    using cache = tinyCache(policy, { rows: 2, layers: 1 });
    const step = (tokens: number, lengths: number[], endOfPrefill: boolean) =>
      tf.tidy(() => {
        const draw = (heads: number) => tf.randomNormal<tf.Rank.R4>([2, heads, tokens, 4]);
        attention(cache.layer(0), { q: draw(2), k: draw(1), v: draw(1), lengths, endOfPrefill });
      });
    step(4, [4, 4], false);
    expect(cache.layer(0).laneLengths()).toEqual([4, 4]);
    step(6, [6, 2], true);
    expect(cache.layer(0).laneLengths()).toEqual([5, 3]);
    step(1, [1, 1], false);
    expect(cache.layer(0).laneLengths()).toEqual([6, 4]);
    expect(cache.stats().peakEntries).toBe(16);
  });
});

describe("codecs", () => {
  it("are asked for by the layer's policy before the cache's own is used", () => {
    const base = full();
    const policy: CachePolicy = {
      ...base,
      forLayer: (shape) => ({
        ...base.forLayer(shape),
        traits: { ...base.forLayer(shape).traits, ...(shape.layer === 1 ? { codec: "int8" } : {}) },
      }),
    };
    const asked: string[] = [];
    const store: KvCacheOptions["store"] = (options) => {
      asked.push(options.codec);
      return new ReferenceStore({ ...options, codec: "f32" });
    };
    tinyCache(policy, { store, codec: "bf16" }).dispose();
    expect(asked).toEqual(["bf16", "int8"]);
  });
});

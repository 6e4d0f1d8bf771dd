import { chooseBackend, KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it } from "vitest";
import { type AttentionCall, attention } from "./attention.js";
import { full } from "./policies/full.js";
import { tinyCache } from "./testing/tiny-cache.js";

await chooseBackend({ prefer: "cpu" });

const cache = tinyCache(full(), { rows: 2 });
const layer = cache.layer(0);

const call = (change: Partial<Record<keyof AttentionCall, unknown>> = {}) =>
  ({
    q: tf.ones([2, 2, 3, 4]),
    k: tf.ones([2, 1, 3, 4]),
    v: tf.ones([2, 1, 3, 4]),
    ...change,
  }) as AttentionCall;

const refusal = (change: Parameters<typeof call>[0]): unknown => {
  try {
    tf.tidy(() => attention(layer, call(change)));
  } catch (error) {
    return error;
  }
  return undefined;
};

afterEach(() => {
  cache.reset();
});

describe("attention", () => {
  it.each([
    [
      "q of another cache",
      { q: tf.ones([2, 3, 3, 4]) },
      "q has shape [2,3,3,4]; this cache expects [2,2,3,4] (rows, heads, tokens, headDim).",
    ],
    ["k with query heads", { k: tf.ones([2, 2, 3, 4]) }, "k has shape [2,2,3,4]; this cache expects [2,1,3,4]"],
    ["v of other tokens", { v: tf.ones([2, 1, 2, 4]) }, "v has shape [2,1,2,4]; this cache expects [2,1,3,4]"],
    ["q of rank 3", { q: tf.ones([2, 3, 4]) }, "q has shape [2,3,4]"],
    [
      "rows that do not ascend",
      { rows: [1, 0] },
      "rows must be ascending and below 2, the cache's number of rows; got [1,0].",
    ],
    ["a row twice", { rows: [1, 1] }, "got [1,1]"],
    ["a row that is not there", { rows: [0, 2] }, "below 2"],
    [
      "too many lengths",
      { lengths: [3, 3, 3] },
      "lengths must hold one number from 1 to 3 for each of 2 rows; got [3,3,3].",
    ],
    ["a length of 0", { lengths: [3, 0] }, "got [3,0]"],
    ["a length beyond the tokens", { lengths: [4, 3] }, "got [4,3]"],
    [
      "a borrowed channel outside",
      { borrowed: { channel: 4, queries: "all", keys: true } },
      "must lie in 0..3; got 4.",
    ],
    ["a window of 0", { window: 0 }, "window must be at least 1; got 0."],
  ])("refuses %s and writes nothing", (_, change, message) => {
    const error = refusal(change);
    expect(KvfoldError.isInstance(error)).toBe(true);
    expect((error as KvfoldError).code).toBe("attention-shape");
    expect((error as Error).message).toContain(message);
    expect(cache.stats().entries).toBe(0);
    expect(layer.tokens).toEqual([0, 0]);
  });

  it("refuses a step without tokens", () => {
    const empty = { q: tf.ones([2, 2, 0, 4]), k: tf.ones([2, 1, 0, 4]), v: tf.ones([2, 1, 0, 4]) };
    expect((refusal(empty) as Error).message).toContain("at least one token");
  });

  it("leaves no tensor but the output", () => {
    const inputs = call();
    attention(layer, inputs).dispose();
    const before = tf.memory().numTensors;
    const out = attention(layer, inputs);
    expect(out.shape).toEqual([2, 2, 3, 4]);
    expect(tf.memory().numTensors).toBe(before + 1);
    tf.dispose([out, inputs.q, inputs.k, inputs.v]);
  });

  it("scales by 1 / sqrt(headDim) unless told", () => {
    tf.tidy(() => {
      const q = tf.tensor4d([1, 2, 3, 4, 4, 3, 2, 1], [1, 2, 1, 4]);
      const k = tf.tensor4d([1, 0, 0, 0, 0, 1, 0, 0], [1, 1, 2, 4]);
      const run = (scale?: number) => {
        const own = tinyCache(full());
        const part = (x: tf.Tensor4D, t: number) => tf.slice(x, [0, 0, t, 0], [-1, -1, 1, -1]);
        attention(own.layer(0), { q, k: part(k, 0), v: part(k, 0) });
        const out = attention(own.layer(0), { q, k: part(k, 1), v: part(k, 1), ...(scale ? { scale } : {}) });
        const values = [...out.dataSync()];
        own.dispose();
        return values;
      };
      expect(run()).toEqual(run(0.5));
      const share = Math.exp(1) / (Math.exp(1) + Math.exp(2)); // head 0 scores 1 and 2
      expect(run(1)[0]).toBeCloseTo(share, 6);
    });
  });
});

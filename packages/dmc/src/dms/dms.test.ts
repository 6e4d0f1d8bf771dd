import { chooseBackend, KvfoldError } from "@kvfold/core";
import { expectClose, seeded } from "@kvfold/core/testing";
import { trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { type LayerInputs, plainRope, runCache } from "../../test/run-cache.js";
import { gumbelSigmoid } from "../relaxations/gumbel-sigmoid.js";
import { hard } from "../relaxations/hard.js";
import { compressionLoss } from "../training/compression-loss.js";
import { dmsForTraining } from "../training/dms-for-training.js";
import { dms } from "./dms.js";
import type { DmsOptions } from "./dms-options.js";

const [queryHeads, kvHeads, headDim] = [4, 2, 8];
const shape = { layer: 0, layers: 1, queryHeads, kvHeads, headDim };

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

/** Queries whose last channel evicts about half of the tokens. */
function inputs(seed: number, tokens: number, rows = 1): LayerInputs {
  const random = seeded(seed);
  const neuron = tf.add(random.normal([rows, queryHeads, tokens, 1], 0.02), 0.05);
  const q = tf.concat([random.normal([rows, queryHeads, tokens, headDim - 1]), neuron], -1) as tf.Tensor4D;
  const heads = () => random.normal([rows, kvHeads, tokens, headDim]) as tf.Tensor4D;
  return { q, k: heads(), v: heads(), theta: 10000 };
}

function entriesAfter(options: DmsOptions, given: LayerInputs, chunk: number): number[] {
  const { cache } = runCache(dms(options), given, chunk);
  const entries = cache.stats().layers[0]?.entries.flat() ?? [];
  cache.dispose();
  return entries;
}

describe("dms", () => {
  it("keeps evicted tokens for the delay, then frees them", () => {
    const given = inputs(1, 60);
    const always = { offset: -1e6 };
    expect(entriesAfter({ ...always, delay: 7 }, given, 1)).toEqual([7, 7]);
    expect(entriesAfter({ ...always, delay: 7 }, given, 60)).toEqual([7, 7]);
    expect(entriesAfter({ ...always, delay: 0 }, given, 1)).toEqual([1, 1]);
    expect(entriesAfter({ ...always, delay: 60 }, given, 1)).toEqual([60, 60]);
    expect(entriesAfter({ offset: 1e6, delay: 7 }, given, 9)).toEqual([60, 60]);
  });

  it("accounts for entries with position and end, and nothing else", () => {
    const { cache } = runCache(dms({ delay: 10 }), inputs(2, 200, 2), 50);
    const stats = cache.stats();
    expect(stats.entries).toBeLessThan(0.7 * 4 * 200);
    expect(stats.layers[0]?.stateBytes).toBe(0);
    expect(stats.liveBytes).toBe(stats.entries * (2 * headDim + 2) * 4);
    cache.dispose();
  });

  it("plans with the ratio that the retrofit aimed at, for tokens older than the delay", () => {
    const entries = (options: DmsOptions, tokens: number) => dms(options).estimate(tokens, shape).entries;
    expect(entries({}, 1000)).toBe(2000);
    expect(entries({ targetRatio: 4, delay: 100 }, 100)).toBe(200);
    expect(entries({ targetRatio: 4, delay: 100 }, 1099)).toBe(2 * (99 + 250));
    expect(dms().estimate(10, shape)).toEqual({ entries: 20, columns: 2, stateBytes: 0 });
  });

  it.each([
    [100, 1],
    [100, 33],
    [7, 1],
  ])("holds as many forced entries as it plans for, after %i tokens in chunks of %i", (tokens, chunk) => {
    for (const delay of [0, 1, 9, 200]) {
      const options = { force: 4, delay };
      const total = entriesAfter(options, inputs(3, tokens), chunk).reduce((a, b) => a + b, 0);
      expect(total).toBe(dms(options).estimate(tokens, shape).entries);
    }
    expect(dms({ force: 4 }).note).toContain("the text is meaningless");
  });

  it("layers that do not evict keep every token and every channel", () => {
    const policy = dms({ layers: [1], delay: 1 });
    const { lossless, borrowed } = policy.forLayer(shape).traits;
    expect({ lossless, borrowed }).toEqual({ lossless: true, borrowed: undefined });
    expect(policy.estimate(50, shape).entries).toBe(100);
  });

  it.each<[DmsOptions, string]>([
    [{ delay: -1 }, "whole number of tokens from 0"],
    [{ delay: 1.5 }, "got 1.5"],
    [{ logitScale: Number.NaN }, "logitScale must be positive; got NaN"],
    [{ offset: Number.POSITIVE_INFINITY }, "offset must be a number"],
    [{ layers: [0, -1] }, "layer numbers from 0; got -1"],
    [{ force: 0.5 }, "force must lie in 1..16"],
    [{ targetRatio: 0 }, "targetRatio must be at least 1"],
    [{ neuron: "middle" as "last" }, "'first' or 'last'; got 'middle'"],
  ])("refuses %j", (options, message) => {
    try {
      dms(options);
    } catch (error) {
      expect(KvfoldError.isInstance(error) && error.code).toBe("dms-options");
      expect((error as Error).message).toContain(message);
      return;
    }
    throw new Error("nothing was refused");
  });
});

describe("training form", () => {
  const rope = plainRope(headDim, 10000, 64);

  it.each([0, 1, 5, 100])("with hard decisions equals decoding, delay %i", (delay) => {
    const { q, k, v } = inputs(4, 50, 2);
    const policy = dmsForTraining({ delay }, hard());
    const { out } = trainingAttention(policy.forLayer(shape), { q, k, v, rope });
    const { cache, out: decoded } = runCache(policy, { q, k, v, theta: 10000 }, 1);
    expectClose(out.dataSync(), decoded.dataSync(), 1e-5);
    expect(cache.stats().compressionRatio > 1.1).toBe(delay < 50);
    cache.dispose();
  });

  it("granularity layer: the first head decides for all, and learns for all", () => {
    const given = inputs(5, 40, 2);
    const layer = dmsForTraining({ granularity: "layer", delay: 4 }, gumbelSigmoid()).forLayer(shape);
    const alphaOf = (q: tf.Tensor) =>
      trainingAttention(layer, { ...given, q: q as tf.Tensor4D, rope }).auxiliary.alpha as tf.Tensor3D;
    const [first, second] = tf.unstack(alphaOf(given.q), 1) as [tf.Tensor, tf.Tensor];
    expect(second.dataSync()).toEqual(first.dataSync());
    const gradient = tf.grad((q) => compressionLoss([alphaOf(q)], { ratio: 8 }))(given.q);
    const largest = tf.max(tf.abs(gradient), [0, 2, 3]).dataSync();
    expect([...largest].map((x) => x > 0)).toEqual([true, false, false, false]);
  });

  it("the language loss reaches the decision neuron of the first query of each group with finite gradients", () => {
    const given = inputs(6, 40, 2);
    const layer = dmsForTraining({ delay: 3 }, gumbelSigmoid()).forLayer(shape);
    const loss = (q: tf.Tensor) =>
      tf.sum(tf.square(trainingAttention(layer, { ...given, q: q as tf.Tensor4D, rope }).out));
    const gradient = tf.grad(loss)(given.q);
    expect(gradient.dataSync<"float32">().every(Number.isFinite)).toBe(true);
    const neuron = tf.max(tf.abs(tf.slice(gradient, [0, 0, 0, headDim - 1], [-1, -1, -1, 1])), [0, 2, 3]).dataSync();
    expect(neuron[0]).toBeGreaterThan(1e-4);
    expect(neuron[2]).toBeGreaterThan(1e-4);
  });

  it("layers that do not evict train as ordinary attention; forced decisions are refused", () => {
    const policy = dmsForTraining({ layers: [1] }, gumbelSigmoid());
    expect(trainingAttention(policy.forLayer(shape), { ...inputs(7, 9), rope }).auxiliary).toEqual({});
    expect(() => dmsForTraining({ force: 2 }, gumbelSigmoid())).toThrow("leave it out to train");
    expect(() => trainingAttention(dms({ force: 2 }).forLayer(shape), inputs(8, 9))).toThrow("no training form");
  });
});

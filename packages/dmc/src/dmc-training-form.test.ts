import { chooseBackend } from "@kvfold/core";
import { expectClose } from "@kvfold/core/testing";
import { type LayerPolicy, trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { randomInputs } from "../test/random-inputs.js";
import { plainRope, runCache } from "../test/run-cache.js";
import { dmc } from "./dmc.js";
import type { DmcOptions } from "./dmc-options.js";

const headDim = 8;
const rope = plainRope(headDim, 10000, 256);
const shape = { layer: 0, layers: 1, queryHeads: 4, kvHeads: 2, headDim };

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

describe("training form with hard decisions", () => {
  it.each<[string, DmcOptions, number]>([
    ["window 12", {}, 50],
    ["no window", { window: null }, 50],
    ["first neuron, window 3, lower threshold", { neuron: "first", window: 3, threshold: 0.2, offset: 0 }, 40],
    ["one token", {}, 1],
  ])("equals decoding: %s", (_name, options, tokens) => {
    const { q, k, v } = randomInputs(tokens, { rows: 2, tokens });
    const policy = dmc(options);
    const { out } = trainingAttention(policy.forLayer(shape), { q, k, v, rope });
    const { cache, out: decoded } = runCache(policy, { q, k, v, theta: 10000 }, 1);
    expectClose(out.dataSync(), decoded.dataSync(), 1e-5);
    if (tokens > 1) expect(cache.stats().compressionRatio).toBeGreaterThan(1.2);
    cache.dispose();
  });

  it("packed documents equal each document alone: nothing merges or attends across", () => {
    const lengths = [13, 1, 20, 6];
    const tokens = lengths.reduce((a, b) => a + b, 0);
    const packed = randomInputs(9, { tokens });
    const documents = Int32Array.from(lengths.flatMap((length, i) => new Array<number>(length).fill(i % 2)));
    const policy = dmc().forLayer(shape);
    const { out } = trainingAttention(policy, { ...packed, rope, documents });
    let start = 0;
    for (const length of lengths) {
      const part = (x: tf.Tensor4D) => tf.slice(x, [0, 0, start, 0], [-1, -1, length, -1]);
      const alone = trainingAttention(policy, { q: part(packed.q), k: part(packed.k), v: part(packed.v), rope });
      expectClose(part(out).dataSync(), alone.out.dataSync(), 1e-5);
      start += length;
    }
  });

  it("passes gradients to q, k and v, and none to the decision neuron of k", () => {
    const { q, k, v } = randomInputs(11, { tokens: 24 });
    const policy = dmc().forLayer(shape);
    const loss = (...[q, k, v]: tf.Tensor[]) => {
      const { out } = trainingAttention(policy, { q, k, v, rope } as Parameters<typeof trainingAttention>[1]);
      return tf.sum(tf.square(out)) as tf.Scalar;
    };
    const [dq, dk, dv] = tf.grads(loss)([q, k, v]) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    const neuron = (x: tf.Tensor4D) =>
      tf.max(tf.abs(tf.slice(x, [0, 0, 0, headDim - 1], [-1, -1, -1, 1]))).dataSync()[0];
    for (const gradient of [dq, dk, dv]) expect(tf.max(tf.abs(gradient)).dataSync()[0]).toBeGreaterThan(1e-3);
    expect(neuron(dk)).toBe(0);
    expect(neuron(dq)).toBeGreaterThan(0); // the importance
  });

  it("forced decisions have no training form", () => {
    const policy: LayerPolicy = dmc({ force: 2 }).forLayer(shape);
    expect(() => trainingAttention(policy, randomInputs(1))).toThrow(/no training form/);
  });
});

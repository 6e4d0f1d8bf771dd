import { chooseBackend } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { NativeBackend } from "./native-backend.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "native" });
});

const backend = () => tf.backend() as NativeBackend;

describe("the native backend", () => {
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors).toBe(before));

  it("is chosen before the portable backends and says what it runs on", async () => {
    const choice = await chooseBackend();
    expect(choice.name).toBe("native");
    expect(choice.package).toBe("@kvfold/kernels-cpu");
    expect(choice.detail).toMatch(/^(scalar|avx2|avx512|avx512vnni|amx|neon), \d+ threads?$/);
  });

  it("runs kernels that it does not have itself as the JavaScript backend does", () => {
    const values = tf.tidy(() => tf.topk(tf.tensor1d([3, 9, 4]), 2).values.dataSync());
    expect(Array.from(values)).toEqual([9, 4]);
  });

  it("gives back copies that later operations leave alone", () => {
    const a = seeded(1).normal<[number, number], tf.Rank.R2>([8, 8]);
    const product = () => tf.tidy(() => tf.matMul(a, a).dataSync());
    const first = product();
    const kept = first.slice();
    for (let i = 0; i < 10; i++) tf.tidy(() => tf.matMul(tf.ones([8, 8]), tf.ones([8, 8])).dataSync());
    expect(first).toEqual(kept);
    a.dispose();
  });

  it("keeps a slice when the tensor that it was cut from is gone", () => {
    const whole = tf.tidy(() => tf.matMul(tf.ones([4, 4]), tf.ones([4, 4])));
    const rows = tf.slice(whole, [1, 0], [2, 4]);
    whole.dispose();
    tf.tidy(() => tf.matMul(tf.fill([4, 4], 7), tf.ones([4, 4])).dataSync());
    expect(Array.from(rows.dataSync())).toEqual(Array(8).fill(4));
    rows.dispose();
  });

  it("reuses memory: a repeated computation allocates once", () => {
    const { threads } = backend().addon.describe();
    backend().addon.setThreads(1); // how many threads find work to do, and so need working memory, differs from run to run
    const x = tf.ones([64, 64]) as tf.Tensor2D;
    const step = () => tf.tidy(() => void tf.matMul(tf.matMul(x, x), x));
    step();
    const { allocations } = backend().addon.memoryFigures();
    for (let i = 0; i < 50; i++) step();
    expect(backend().addon.memoryFigures().allocations).toBe(allocations);
    backend().addon.setThreads(threads);
    x.dispose();
  });

  it("counts pooled memory, gives it back at once and trims it", () => {
    backend().trim();
    const before = backend().memory().pooledBytes;
    const y = tf.tidy(() => tf.matMul(tf.ones([32, 32]), tf.ones([32, 32])));
    expect(backend().memory().pooledBytes - before).toBe(4096);
    const shared = tf.reshape(y, [1024]);
    y.dispose();
    expect(backend().memory().pooledBytes - before).toBe(4096);
    shared.dispose();
    expect(backend().memory().pooledBytes).toBe(before);
    expect(backend().memory().idleBytes).toBe(4096);
    backend().trim();
    expect(backend().memory().idleBytes).toBe(0);
  });
});

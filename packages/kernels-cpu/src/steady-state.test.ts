import { adamW, crossEntropy, embedding, rmsNorm, rope } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, expect, it } from "vitest";
import "./index.js";
import { floats, ints } from "../test/against-cpu.js";
import type { NativeBackend } from "./native-backend.js";

let threads: number;
beforeAll(async () => {
  await tf.setBackend("native");
  threads = native().addon.describe().threads;
});
afterEach(() => native().addon.setThreads(threads));

const native = () => tf.backend() as NativeBackend;

/**
 * Runs a step many times; after the first hundred, memory is only reused. With one thread that is exact. With more, a kernel
 * takes working memory for each thread that finds work to do, which on a busy machine may be one for a long time.
 */
function expectSteady(steps: number, step: () => void): void {
  const backend = native();
  backend.addon.setThreads(1);
  for (let i = 0; i < 100; i++) step();
  const { allocations } = backend.addon.memoryFigures();
  const { pooledBytes, idleBytes } = backend.memory();
  const tensors = tf.memory().numTensors;
  for (let i = 100; i < steps / 2; i++) step();
  expect(backend.addon.memoryFigures().allocations).toBe(allocations);
  backend.addon.setThreads(2);
  for (let i = steps / 2; i < steps; i++) step();
  expect(backend.addon.memoryFigures().allocations).toBeLessThanOrEqual(2 * allocations);
  expect(backend.memory()).toMatchObject({ pooledBytes, idleBytes });
  expect(tf.memory().numTensors).toBe(tensors);
}

it("10,000 steps like those of decoding make no memory", () => {
  const [heads, window, dim] = [3, 16, 8];
  const table = floats([50, heads * dim]) as tf.Tensor2D;
  const gain = floats([heads * dim], 2) as tf.Tensor1D;
  const weight = floats([heads * dim, heads * dim], 3);
  const [cos, sin] = [floats([1, dim / 2], 4), floats([1, dim / 2], 5)] as const;
  let keys = floats([1, heads, window, dim], 6);
  expectSteady(10_000, () => {
    const next = tf.tidy(() => {
      const x = embedding({ table, ids: ints([1], 0, 50) }, {});
      const q = tf.reshape(tf.matMul(rmsNorm({ x, weight: gain }, { epsilon: 1e-5, weightOffset: 0 }), weight), [
        1,
        1,
        heads,
        dim,
      ]);
      const turned = rope({ x: tf.transpose(q, [0, 2, 1, 3]) as tf.Tensor4D, cos, sin }, {});
      const held = tf.concat([tf.slice(keys, [0, 0, 1, 0]), turned], 2);
      const scores = tf.softmax(tf.mul(tf.matMul(turned, held, false, true), 0.3));
      const y = tf.reshape(tf.matMul(scores, held), [1, heads * dim]);
      const gated = tf.mul(tf.mul(y, tf.sigmoid(y)), tf.relu(y));
      tf.argMax(tf.where(tf.greater(gated, 0), gated, tf.zerosLike(gated)), -1).dataSync();
      return held;
    });
    keys.dispose();
    keys = next;
  });
  tf.dispose([table, gain, weight, cos, sin, keys]);
});

it("steps of training make no memory", () => {
  let state: tf.Tensor[] = [floats([24, 50], 1), tf.zeros([24, 50]), tf.zeros([24, 50])];
  const x = floats([32, 24], 2) as tf.Tensor2D;
  const gain = tf.ones([24]) as tf.Tensor1D;
  const labels = ints([32], 0, 50) as tf.Tensor1D;
  const attrs = { learningRate: 1e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 };
  const loss = (weight: tf.Tensor) => {
    const normal = rmsNorm({ x, weight: gain }, { epsilon: 1e-5, weightOffset: 0 });
    const logits = tf.matMul(normal, weight) as tf.Tensor2D;
    return tf.mean(crossEntropy({ logits, labels }, {})) as tf.Scalar;
  };
  const losses: number[] = [];
  expectSteady(600, () => {
    const next = tf.tidy(() => {
      const [param, m, v] = state as [tf.Tensor, tf.Tensor, tf.Tensor];
      const { value, grad } = tf.valueAndGrad(loss)(param);
      losses.push(value.dataSync()[0] as number);
      return adamW({ param, grad, m, v }, { ...attrs, step: losses.length });
    });
    tf.dispose(state);
    state = next;
  });
  expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] as number));
  tf.dispose([state, x, gain, labels]);
});

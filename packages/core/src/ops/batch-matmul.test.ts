import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { afterAll, describe, expect, it } from "vitest";
import { expectClose } from "../testing/expect-close.js";
import { seeded } from "../testing/seeded.js";
import { batchMatMul } from "./batch-matmul.js";

/** Batch shapes of a and b that broadcast, and the batch shape of the product. */
const shapes: [string, number[], number[], number[]][] = [
  ["no batch", [], [], []],
  ["equal batches", [2, 3], [2, 3], [2, 3]],
  ["heads of a group share b", [2, 4], [2, 1], [2, 4]],
  ["a is shared", [1, 3], [2, 3], [2, 3]],
  ["b has fewer dimensions", [2, 3], [3], [2, 3]],
  ["both broadcast", [2, 1], [1, 3], [2, 3]],
];
const [n, k, m] = [3, 5, 2];

/** Which matrix of a stack of shape `batch` belongs to matrix `index` of the broadcast stack `full`. */
function matrixOf(index: number, full: number[], batch: number[]): number {
  const place = full.map((size, axis) => Math.floor(index / full.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
  const own = place.slice(full.length - batch.length);
  return batch.reduce((at, size, axis) => at * size + (size === 1 ? 0 : (own[axis] as number)), 0);
}

describe.each(["cpu", "wasm"])("batchMatMul on %s", (backend) => {
  afterAll(async () => {
    await tf.setBackend("cpu");
  });

  it.each(shapes)("%s: product and gradients equal plain loops", async (_, batchA, batchB, full) => {
    await tf.setBackend(backend);
    const numbers = seeded(3);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const a = numbers.normal([...batchA, n, k]);
      const b = numbers.normal([...batchB, k, m]);
      const upstream = numbers.normal([...full, n, m]);
      const { value, grads } = tf.valueAndGrads((x, y) =>
        tf.sum(tf.mul(batchMatMul(x as tf.Tensor, y as tf.Tensor), upstream)),
      )([a, b]);
      const [av, bv, uv] = [a.dataSync(), b.dataSync(), upstream.dataSync()];
      const product = new Float64Array(uv.length);
      const gradA = new Float64Array(av.length);
      const gradB = new Float64Array(bv.length);
      for (let at = 0; at < product.length; at++) {
        const [matrix, i, j] = [Math.floor(at / (n * m)), Math.floor(at / m) % n, at % m];
        for (let l = 0; l < k; l++) {
          const atA = (matrixOf(matrix, full, batchA) * n + i) * k + l;
          const atB = (matrixOf(matrix, full, batchB) * k + l) * m + j;
          product[at] = (product[at] as number) + (av[atA] as number) * (bv[atB] as number);
          gradA[atA] = (gradA[atA] as number) + (uv[at] as number) * (bv[atB] as number);
          gradB[atB] = (gradB[atB] as number) + (uv[at] as number) * (av[atA] as number);
        }
      }
      expectClose(batchMatMul(a, b).dataSync(), product);
      expectClose(value.dataSync(), [product.reduce((sum, p, at) => sum + p * (uv[at] as number), 0)]);
      expect(grads.map((gradient) => gradient.shape)).toEqual([a.shape, b.shape]);
      expectClose((grads[0] as tf.Tensor).dataSync(), gradA);
      expectClose((grads[1] as tf.Tensor).dataSync(), gradB);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

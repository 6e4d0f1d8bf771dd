import * as tf from "@tensorflow/tfjs-core";
import { matrixProduct } from "./matrix-product.js";

/**
 * Matrix product `[...batch, n, k]` times `[...batch, k, m]` whose batch dimensions broadcast, as in attention where the
 * query heads of a group share a KV head. `tf.matMul` takes such shapes but pairs the wrong matrices (it repeats the
 * smaller stack as a whole) and gives gradients of the wrong shape.
 *
 * Trailing batch dimensions that `b` does not have (size 1) become rows of `a`, so that a shared KV head is not copied.
 */
export function batchMatMul(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [n, k] = a.shape.slice(-2) as [number, number];
    const [, m] = b.shape.slice(-2) as [number, number];
    const rank = Math.max(a.rank, b.rank) - 2;
    const batchA = paddedBatch(a, rank);
    const batchB = paddedBatch(b, rank);
    const full = batchA.map((size, axis) => (size === 1 ? (batchB[axis] as number) : size));
    const shared = batchB.findLastIndex((size) => size !== 1) + 1;
    const stack = full.slice(0, shared);
    const rows = tf.util.sizeFromShape(batchA.slice(shared)) * n;
    const left = tf.broadcastTo(tf.reshape(a, [...batchA.slice(0, shared), rows, k]), [...stack, rows, k]);
    const right = tf.broadcastTo(tf.reshape(b, [...batchB.slice(0, shared), k, m]), [...stack, k, m]);
    const product = shared === 0 ? matrixProduct(left as tf.Tensor2D, right as tf.Tensor2D) : tf.matMul(left, right);
    return tf.reshape(product, [...full, n, m]);
  });
}

/** Batch dimensions of a stack of matrices, with ones in front up to `rank`. */
function paddedBatch(x: tf.Tensor, rank: number): number[] {
  const batch = x.shape.slice(0, -2);
  return [...Array.from({ length: rank - batch.length }, () => 1), ...batch];
}

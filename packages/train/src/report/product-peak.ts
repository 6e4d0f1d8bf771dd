import * as tf from "@tensorflow/tfjs-core";

/** Largest side of the matrices that are multiplied. */
const largest = 1024;
/** A product that takes this long is long enough to be timed. */
const enoughMs = 20;
const repeats = 3;

/**
 * The rate of matrix products that the current backend reaches, in floating-point operations a second: the best of a few
 * square products, large enough to be timed. What utilisation is measured against where nobody states the machine's peak.
 */
export async function productPeak(): Promise<number> {
  let best = 0;
  for (let side = 128; side <= largest; side *= 2) {
    const matrix = tf.fill([side, side], 0.5) as tf.Tensor2D;
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      const product = tf.matMul(matrix, matrix);
      await product.data();
      shortest = Math.min(shortest, performance.now() - start);
      product.dispose();
    }
    matrix.dispose();
    best = Math.max(best, (2 * side ** 3 * 1000) / shortest);
    if (shortest > enoughMs) break;
  }
  return best;
}

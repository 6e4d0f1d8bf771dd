import * as tf from "@tensorflow/tfjs-core";

/** Numbers that are added one after the other. */
const run = 256;

/**
 * Sum over the last axis of `[rows, n]`, `[rows, 1]`, in two levels: runs of 256 numbers, then the runs. The wasm backend
 * adds float32 numbers one by one, which loses 1e-4 of a softmax's denominator over a vocabulary of 49,152, always to the
 * same side.
 */
export function sumRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const [rows, n] = x.shape;
    const whole = Math.floor(n / run);
    if (whole < 2) return tf.sum(x, 1, true) as tf.Tensor2D;
    const sumOfRuns = (runs: tf.Tensor) =>
      tf.sum(tf.sum(tf.reshape(runs, [rows, whole, run]), 2), 1, true) as tf.Tensor2D;
    if (whole * run === n) return sumOfRuns(x); // a slice would copy all of it
    const rest = tf.sum(tf.slice(x, [0, whole * run], [rows, n - whole * run]), 1, true);
    return tf.add(sumOfRuns(tf.slice(x, [0, 0], [rows, whole * run])), rest) as tf.Tensor2D;
  });
}

import * as tf from "@tensorflow/tfjs-core";
import { withGradient } from "./with-gradient.js";

/**
 * `a [n, k]` times `b [k, m]`. Unlike `tf.matMul`'s, the backward products transpose first: the wasm backend multiplies
 * 14 times faster when neither side is transposed.
 */
export function matrixProduct(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return withGradient({
    inputs: { a, b },
    forward: (save) => {
      save([a, b]);
      return tf.matMul(a, b);
    },
    backward: ([dy], [savedA, savedB]) => ({
      a: () => tf.matMul(dy as tf.Tensor2D, tf.transpose(savedB as tf.Tensor2D)),
      b: () => tf.matMul(tf.transpose(savedA as tf.Tensor2D), dy as tf.Tensor2D),
    }),
  });
}

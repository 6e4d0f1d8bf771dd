import * as tf from "@tensorflow/tfjs-core";

/** Euclidean norm of all values of all tensors together; NaN or Infinity where one of them is. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))))));
}

import * as tf from "@tensorflow/tfjs-core";

/** Bytes of a tensor's numbers. */
export function tensorBytes(tensor: tf.Tensor): number {
  return tensor.size * tf.util.bytesPerElement(tensor.dtype);
}

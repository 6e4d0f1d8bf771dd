import * as tf from "@tensorflow/tfjs-core";

/** What a backend offers beside TensorFlow.js's interface when it can hand out values without a new array. */
export interface ReadIntoBackend {
  /** Copies the values of a float32 tensor. */
  readInto(dataId: object, target: Float32Array): void;
}

/**
 * Reads a float32 tensor into memory that the caller keeps. `tensor.data()` makes an array for every call; logits of each
 * token are 200 KB to 1 MB of them, which the system's allocator is slow to give back.
 *
 * @param target as many elements as the tensor has
 */
export async function readInto(tensor: tf.Tensor, target: Float32Array): Promise<void> {
  const backend = tf.backend() as tf.KernelBackend & Partial<ReadIntoBackend>;
  if (backend.readInto) backend.readInto(tensor.dataId, target);
  else target.set((await tensor.data()) as Float32Array);
}

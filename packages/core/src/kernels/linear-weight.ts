import type * as tf from "@tensorflow/tfjs-core";

/**
 * A weight matrix kept in a storage type that TensorFlow.js does not have; see `packedWeight`. Backends that compute on
 * packed weights make their device copy at first use; the others unpack for every call, which is right but slow.
 */
export interface PackedWeight extends Disposable {
  /** Storage type, for example `"bf16"`, `"q8_0"` or `"q4_0"`. */
  readonly storage: string;
  /** `[out, in]`, row-major, as in checkpoints. */
  readonly shape: readonly [number, number];
  /** The packed rows, one after the other. */
  readonly bytes: Uint8Array;
  /** All values as float32, row-major `[out, in]`. */
  unpack(): Float32Array;
  /** Registers what {@link dispose} must release; for backends that hold a device copy. */
  onDispose(release: () => void): void;
  /** Frees the bytes and what backends hold for this weight. Further uses throw. */
  dispose(): void;
}

/**
 * Weight of a linear layer: a float32 tensor `[in, out]` (transposed against the checkpoint once, at load, because the
 * wasm backend multiplies 14 times faster when neither side is transposed), or a packed `[out, in]` matrix.
 */
export type LinearWeight = tf.Tensor2D | PackedWeight;

/** True for a weight in packed storage. */
export function isPackedWeight(weight: LinearWeight): weight is PackedWeight {
  return "unpack" in weight;
}

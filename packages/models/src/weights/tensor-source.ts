import type { BlockFormat } from "@kvfold/core";

/** What a {@link TensorSource} knows about one tensor before any byte of it is read. */
export interface TensorInfo {
  /** Sizes in Hugging Face order, for example `[outFeatures, inFeatures]`; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** How the file holds it, lower case: `f32`, `f16`, `bf16`, `q8_0`, `q4_k`, ... */
  readonly storage: string;
  /** Bytes in the file. */
  readonly byteLength: number;
}

/** Stored rows and how to decode them. */
export interface PackedTensor {
  readonly format: BlockFormat;
  readonly bytes: Uint8Array;
}

/**
 * Weights of a model, read by range: nothing is loaded until it is asked for, and nothing is kept after it is handed out.
 *
 * One interface for Hugging Face folders and GGUF files. Names, shapes and row order are always those of Hugging Face
 * (`model.layers.0.self_attn.q_proj.weight`, `[out, in]`, half-split RoPE), whatever the file holds.
 */
export interface TensorSource {
  /** The folder or file, for messages. */
  readonly path: string;
  /** All tensor names, in the order of the file. */
  names(): string[];
  /** Whether a tensor of this name exists. */
  has(name: string): boolean;
  /**
   * Shape and storage of one tensor.
   * @throws KvfoldError `tensor-missing` that names the tensor and the nearest ones available
   */
  info(name: string): TensorInfo;
  /**
   * Reads and widens a whole tensor to float32, row-major.
   * @param into receives the values when given (its length must be the element count), so that a caller can reuse memory
   * @throws KvfoldError `tensor-missing`, or when the file is damaged or cannot be read
   */
  readFloat32(name: string, into?: Float32Array): Float32Array;
  /**
   * Reads rows `[start, start + count)` along the first axis, for example single rows of an embedding table.
   * @param into receives the values when given
   */
  readRowsFloat32(name: string, start: number, count: number, into?: Float32Array): Float32Array;
  /**
   * The bytes as stored (see {@link TensorInfo.storage}), rows in Hugging Face order: for weights that stay packed.
   */
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  /**
   * The matrix as stored, rows in Hugging Face order, without a copy where the file lies in memory and has that order;
   * not to be written. Undefined when its rows are no whole blocks, or hold no numbers.
   */
  packed(name: string): PackedTensor | undefined;
  /** Closes the files. Reading afterwards is an error. */
  close(): void;
  [Symbol.dispose](): void;
}

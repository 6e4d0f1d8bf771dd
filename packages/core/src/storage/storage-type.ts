import { KvfoldError } from "../errors/kvfold-error.js";

/** Decodes one way of holding float32 values in bytes; values go in blocks of `blockValues` that take `blockBytes`. */
export interface BlockFormat {
  /** Lower-case name; the same word as GGUF's for the block types. */
  readonly name: string;
  /** Values per block; 1 for the plain types. */
  readonly blockValues: number;
  /** Bytes per block. */
  readonly blockBytes: number;
  /**
   * Decodes bytes to float32.
   * @param bytes a whole number of blocks
   * @param into receives the values when given; its length must be the value count
   * @throws KvfoldError `storage-size` when the sizes do not fit
   */
  unpack(bytes: Uint8Array, into?: Float32Array): Float32Array;
}

/** A format that can also be written. */
export interface StorageType extends BlockFormat {
  /**
   * Encodes float32 values; plain types round to nearest even; block types have the bytes of llama.cpp's
   * reference encoder.
   * @param values a whole number of blocks
   * @throws KvfoldError `storage-size` when `values` is not a whole number of blocks;
   * `storage-not-finite` when a block type meets NaN, infinity or a scale beyond half precision
   */
  pack(values: Float32Array): Uint8Array<ArrayBuffer>;
  /** Bytes that `values` values take. */
  byteLength(values: number): number;
}

/** Bytes of `values` values in `format`. @throws KvfoldError `storage-size` when they are not a whole number of blocks */
export function formatByteLength(format: BlockFormat, values: number): number {
  if (!Number.isSafeInteger(values) || values < 0 || values % format.blockValues !== 0) {
    throw new KvfoldError(
      "storage-size",
      `${format.name} holds blocks of ${format.blockValues} values; ${values} values are not a whole number of blocks.`,
    );
  }
  return (values / format.blockValues) * format.blockBytes;
}

/** Checks the sizes of an `unpack` call and gives the array to fill. */
export function unpackTarget(format: BlockFormat, bytes: Uint8Array, into: Float32Array | undefined): Float32Array {
  if (bytes.byteLength % format.blockBytes !== 0) {
    throw new KvfoldError(
      "storage-size",
      `${format.name} holds blocks of ${format.blockBytes} bytes; ${bytes.byteLength} bytes are not a whole number of blocks.`,
    );
  }
  const values = (bytes.byteLength / format.blockBytes) * format.blockValues;
  if (into === undefined) return new Float32Array(values);
  if (into.length !== values) {
    throw new KvfoldError(
      "storage-size",
      `${format.name}: ${bytes.byteLength} bytes decode to ${values} values, but the given array holds ${into.length}.`,
    );
  }
  return into;
}

/** The error for values that a block type cannot hold. */
export function notFinite(name: string, block: number): KvfoldError {
  return new KvfoldError(
    "storage-not-finite",
    `${name} cannot hold block ${block} of these values: it has NaN, infinity or a range beyond half precision. Use f32 or bf16 for it.`,
  );
}

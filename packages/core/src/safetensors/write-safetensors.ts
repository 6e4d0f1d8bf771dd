import { KvfoldError } from "../errors/kvfold-error.js";
import { dtypeBytes, type SafetensorsDtype, safetensorsDtypes } from "./dtypes.js";
import { writeInPieces } from "./write-in-pieces.js";

/** A tensor to write. */
export interface SafetensorsInput {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * The elements' bytes, or a function that hands them out piece by piece when their turn comes: so a model larger than
   * memory can be written. Nothing is converted: bytes must be of `dtype` (see `storageTypes` for packing).
   */
  readonly data: ArrayBufferView | (() => Iterable<ArrayBufferView>);
}

/**
 * Writes a safetensors file: first to a temporary file beside it, then renamed, so that a reader (or a crash) never meets
 * half a file.
 *
 * @param tensors by name; they are laid out widest element first, so that every one is aligned
 * @param metadata becomes `__metadata__`
 * @throws KvfoldError `tensor-size` when the bytes of a tensor do not fit its shape; `file-unwritable`
 */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, SafetensorsInput>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  for (const _ of writeSafetensorsInPieces(path, tensors, metadata));
}

/**
 * As {@link writeSafetensors}, but gives the bytes written so far after every piece, so that the caller can show progress and
 * let other work run. Leaving the loop early removes the temporary file and keeps the old one.
 */
export function writeSafetensorsInPieces(
  path: string,
  tensors: Readonly<Record<string, SafetensorsInput>>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<number, void, void> {
  return writeInPieces(path, pieces(tensors, metadata));
}

/**
 * The bytes of a safetensors file, in memory.
 * @throws KvfoldError `tensor-size` when the bytes of a tensor do not fit its shape
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, SafetensorsInput>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = [...pieces(tensors, metadata)];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** Header, then the data of each tensor. */
function* pieces(
  tensors: Readonly<Record<string, SafetensorsInput>>,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  const sorted = Object.entries(tensors).map(([name, input]) => ({ name, input, ...measure(name, input) }));
  sorted.sort((a, b) => b.elementBytes - a.elementBytes); // stable: equal widths keep the caller's order
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let at = 0;
  for (const { name, input, byteLength } of sorted) {
    header.push([name, { dtype: input.dtype, shape: input.shape, data_offsets: [at, at + byteLength] }]);
    at += byteLength;
  }
  yield encodeHeader(Object.fromEntries(header));
  for (const { name, input, byteLength } of sorted) {
    let written = 0;
    for (const part of typeof input.data === "function" ? input.data() : [input.data]) {
      written += part.byteLength;
      yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    }
    if (written !== byteLength) {
      throw new KvfoldError(
        "tensor-size",
        `Tensor ${name} of shape [${input.shape}] and dtype ${input.dtype} needs ${byteLength} bytes, but ${written} were given.`,
      );
    }
  }
}

function measure(name: string, { dtype, shape }: SafetensorsInput) {
  const elementBytes = dtypeBytes(dtype);
  const elements = shape.reduce((product, axis) => product * axis, 1);
  if (elementBytes === undefined) {
    throw new KvfoldError(
      "tensor-type",
      `Tensor ${name}: dtype ${dtype} is unknown; known are ${safetensorsDtypes.join(", ")}.`,
    );
  }
  if (name === "__metadata__" || !shape.every((axis) => Number.isSafeInteger(axis) && axis >= 0)) {
    throw new KvfoldError("tensor-size", `Tensor ${name} of shape [${shape}] cannot be written to safetensors.`);
  }
  return { elementBytes, byteLength: elements * elementBytes };
}

/** 8 bytes of length, then JSON padded with spaces, so that the data starts at a multiple of 8. */
function encodeHeader(header: Record<string, unknown>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

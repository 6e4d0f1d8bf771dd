import { KvfoldError } from "../errors/kvfold-error.js";
import { type ByteSource, viewOrRead } from "./byte-source.js";
import { floatStorage, type SafetensorsArray, typedView } from "./dtypes.js";
import { openFileSource } from "./file-source.js";
import { parseHeader, type SafetensorsEntry } from "./parse-header.js";
import { checkRows, missingTensor, targetArray } from "./tensor-checks.js";

/** Bytes that are converted at a time, so that widening needs no second copy of the tensor. */
const CHUNK_BYTES = 1 << 20;

/** An open safetensors file (or sharded folder): the header is in memory, tensors are read when asked for. */
export interface SafetensorsFile {
  /** The file or folder, for messages. */
  readonly path: string;
  /** Every tensor, in the order of the bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** `__metadata__` of the file; empty when absent. */
  readonly metadata: Readonly<Record<string, string>>;
  /** One tensor's entry. @throws KvfoldError `tensor-missing` that names the nearest ones */
  entry(name: string): SafetensorsEntry;
  /** The tensor's bytes, as stored. @throws KvfoldError `tensor-missing` */
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  /** As {@link readBytes} without a copy, where the file lies in memory; see {@link ByteSource.view}. */
  viewBytes(name: string): Uint8Array;
  /**
   * The tensor in its own JavaScript array: `Int32Array` for I32, `Uint8Array` for U8 and BOOL, `BigInt64Array` for I64,
   * ...; F16 and BF16 come widened to float32.
   * @throws KvfoldError `tensor-missing`
   */
  read(name: string): SafetensorsArray;
  /**
   * F32, F16, BF16 or F64 as float32.
   * @param into receives the values when given; its length must be the element count
   * @throws KvfoldError `tensor-missing`; `tensor-type` for integers
   */
  readFloat32(name: string, into?: Float32Array): Float32Array;
  /**
   * Rows `[start, start + count)` along the first axis, as float32; reads only those bytes.
   * @throws KvfoldError `tensor-range` when there are fewer rows
   */
  readRowsFloat32(name: string, start: number, count: number, into?: Float32Array): Float32Array;
  /** Closes the file. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Opens a safetensors file and checks its header.
 *
 * @param source a path (Node.js) or bytes, see {@link memorySource}
 * @throws KvfoldError `file-unreadable`, or `safetensors-malformed` with what is wrong
 */
export function openSafetensors(source: string | ByteSource): SafetensorsFile {
  const bytes = typeof source === "string" ? openFileSource(source) : source;
  try {
    const { tensors, metadata } = parseHeader(bytes);
    return safetensorsFile(bytes, tensors, metadata);
  } catch (error) {
    bytes.close();
    throw error;
  }
}

function safetensorsFile(
  source: ByteSource,
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Record<string, string>,
): SafetensorsFile {
  const entryOf = (name: string): SafetensorsEntry => {
    const entry = tensors.get(name);
    if (entry === undefined) throw missingTensor(source.path, name, tensors.keys());
    return entry;
  };
  const readBytes = (name: string) => {
    const { byteOffset, byteLength } = entryOf(name);
    const bytes = new Uint8Array(byteLength);
    source.readInto(byteOffset, bytes);
    return bytes;
  };
  const readRowsFloat32 = (name: string, start: number, count: number, into?: Float32Array) => {
    const entry = entryOf(name);
    const [rows = 1] = entry.shape;
    checkRows(source.path, name, rows, start, count);
    const rowElements = rows === 0 ? 0 : entry.elements / rows;
    const out = targetArray(source.path, name, count * rowElements, into);
    widen(source, name, entry, start * rowElements, out);
    return out;
  };
  return {
    path: source.path,
    tensors,
    metadata,
    entry: entryOf,
    readBytes,
    viewBytes: (name) => viewOrRead(source, entryOf(name).byteOffset, entryOf(name).byteLength),
    readRowsFloat32,
    read: (name) => typedView(entryOf(name).dtype, readBytes(name)),
    readFloat32: (name, into) => readRowsFloat32(name, 0, entryOf(name).shape[0] ?? 1, into),
    close: () => source.close(),
    [Symbol.dispose]: () => source.close(),
  };
}

/** Reads `out.length` elements from `firstElement` on, as float32, without holding the stored form as a whole. */
function widen(source: ByteSource, name: string, entry: SafetensorsEntry, firstElement: number, out: Float32Array) {
  const storage = floatStorage(entry.dtype);
  if (entry.dtype === "F32") {
    source.readInto(entry.byteOffset + firstElement * 4, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
    return;
  }
  if (storage === undefined && entry.dtype !== "F64") {
    throw new KvfoldError(
      "tensor-type",
      `${source.path}: tensor ${name} is ${entry.dtype}; only F32, F16, BF16 and F64 can be read as float32. Use read() for its own type.`,
    );
  }
  const elementBytes = storage?.blockBytes ?? 8;
  const chunkElements = CHUNK_BYTES / elementBytes;
  const chunk = new Uint8Array(Math.min(out.length, chunkElements) * elementBytes);
  for (let at = 0; at < out.length; at += chunkElements) {
    const target = out.subarray(at, at + chunkElements);
    const bytes = chunk.subarray(0, target.length * elementBytes);
    source.readInto(entry.byteOffset + (firstElement + at) * elementBytes, bytes);
    if (storage === undefined) target.set(new Float64Array(chunk.buffer, 0, target.length));
    else storage.unpack(bytes, target);
  }
}

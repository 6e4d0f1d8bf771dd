import { type ByteSource, checkRows, missingTensor, openFileSource, targetArray, viewOrRead } from "@kvfold/core";
import { ggufArchitecture, ggufHeads } from "../gguf/gguf-architectures.js";
import type { GgufMetadata } from "../gguf/gguf-metadata.js";
import { ggufToConfig } from "../gguf/gguf-to-config.js";
import { hfTensorName } from "../gguf/hf-tensor-name.js";
import { type GgufTensor, parseGgufHeader } from "../gguf/parse-gguf-header.js";
import type { TensorSource } from "./tensor-source.js";

/** Packed bytes that are decoded at a time, so that decoding needs no second copy of a tensor. */
const CHUNK_BYTES = 1 << 20;

/** Weights of a GGUF file, with what else the file says. */
export interface GgufSource extends TensorSource {
  /** GGUF version, 2 or 3. */
  readonly version: number;
  /** All metadata: sizes, tokenizer, chat template. */
  readonly metadata: GgufMetadata;
  /** What the model's `config.json` would say, see {@link ggufToConfig}. */
  config(): Record<string, unknown>;
}

/**
 * Opens a GGUF model. Names, shapes and the row order of q and k are turned into those of Hugging Face.
 *
 * @param source a path (Node.js) or bytes (`memorySource`)
 * @throws KvfoldError `file-unreadable`, `gguf-malformed`, `gguf-metadata`, `gguf-unsupported` or `model-unsupported`
 */
export function openGguf(source: string | ByteSource): GgufSource {
  const bytes = typeof source === "string" ? openFileSource(source) : source;
  try {
    return ggufSource(bytes);
  } catch (error) {
    bytes.close();
    throw error;
  }
}

/** A tensor with how its rows are found. */
interface Rows {
  readonly tensor: GgufTensor;
  /** Hugging Face order: the file's sizes reversed. */
  readonly shape: readonly number[];
  readonly rowValues: number;
  readonly rowBytes: number;
  /** Head width when rows are interleaved (q and k of llama files), else 0. */
  readonly interleavedHead: number;
}

function ggufSource(source: ByteSource): GgufSource {
  const header = parseGgufHeader(source);
  const { metadata, version } = header;
  const architecture = ggufArchitecture(metadata, source.path);
  const { headDim } = ggufHeads(metadata, architecture, source.path);
  const byName = new Map<string, Rows>();
  for (const tensor of header.tensors.values()) {
    const interleaved = architecture.interleavedRope && /^blk\.\d+\.attn_[qk]\.(weight|bias)$/.test(tensor.name);
    byName.set(hfTensorName(tensor.name), rowsOf(tensor, interleaved ? headDim : 0));
  }
  const rowsFor = (name: string): Rows => {
    const rows = byName.get(name);
    if (rows === undefined) throw missingTensor(source.path, name, byName.keys());
    return rows;
  };
  const readRowsFloat32 = (name: string, start: number, count: number, into?: Float32Array) => {
    const rows = rowsFor(name);
    checkRows(source.path, name, rows.shape[0] as number, start, count);
    const out = targetArray(source.path, name, count * rows.rowValues, into);
    decodeRows(source, rows, start, count, out);
    return out;
  };
  const self: GgufSource = {
    path: source.path,
    version,
    metadata,
    names: () => [...byName.keys()],
    has: (name) => byName.has(name),
    info(name) {
      const { tensor, shape } = rowsFor(name);
      return { shape, storage: tensor.format.name, byteLength: tensor.byteLength };
    },
    readRowsFloat32,
    readFloat32: (name, into) => readRowsFloat32(name, 0, rowsFor(name).shape[0] as number, into),
    readBytes(name) {
      const rows = rowsFor(name);
      const out = new Uint8Array(rows.tensor.byteLength);
      readRowBytes(source, rows, 0, rows.shape[0] as number, out);
      return out;
    },
    packed(name) {
      const { tensor, rowBytes, interleavedHead } = rowsFor(name);
      if (!Number.isInteger(rowBytes)) return undefined;
      const inOrder = interleavedHead === 0;
      const bytes = inOrder ? viewOrRead(source, tensor.byteOffset, tensor.byteLength) : self.readBytes(name);
      return { format: tensor.format, bytes };
    },
    config: () => ggufToConfig(self),
    close: () => source.close(),
    [Symbol.dispose]: () => source.close(),
  };
  return self;
}

function rowsOf(tensor: GgufTensor, headDim: number): Rows {
  const shape = [...tensor.ne].reverse();
  const [rows] = shape as [number];
  const rowBytes = tensor.byteLength / rows;
  const interleavedHead = rows % (headDim || 1) === 0 ? headDim : 0;
  return { tensor, shape, rowValues: tensor.ne.reduce((a, b) => a * b, 1) / rows, rowBytes, interleavedHead };
}

/** Decodes rows `[start, start + count)` to float32, a piece at a time. */
function decodeRows(source: ByteSource, rows: Rows, start: number, count: number, out: Float32Array): void {
  const { format } = rows.tensor;
  if (!Number.isInteger(rows.rowBytes)) {
    // A vector in blocks: its single values are no whole blocks, so it is decoded as a whole.
    const bytes = new Uint8Array(rows.tensor.byteLength);
    source.readInto(rows.tensor.byteOffset, bytes);
    out.set(format.unpack(bytes).subarray(start, start + count));
    return;
  }
  const step = Math.max(1, Math.floor(CHUNK_BYTES / rows.rowBytes));
  const chunk = new Uint8Array(Math.min(step, count) * rows.rowBytes);
  for (let row = 0; row < count; row += step) {
    const n = Math.min(step, count - row);
    const bytes = chunk.subarray(0, n * rows.rowBytes);
    readRowBytes(source, rows, start + row, n, bytes);
    format.unpack(bytes, out.subarray(row * rows.rowValues, (row + n) * rows.rowValues));
  }
}

/**
 * Reads packed rows in half-split order. Row `j * D/2 + i` of a head of width D (j = 0, 1) is row `2 i + j` of that head in
 * an interleaved file; only whole rows move, so they stay packed.
 */
function readRowBytes(source: ByteSource, rows: Rows, start: number, count: number, out: Uint8Array): void {
  const { tensor, rowBytes, interleavedHead: width } = rows;
  if (width === 0) {
    source.readInto(tensor.byteOffset + start * rowBytes, out);
    return;
  }
  for (let n = 0; n < count; n++) {
    const within = (start + n) % width;
    const head = start + n - within;
    const fileRow = head + (within % (width / 2)) * 2 + Math.floor(within / (width / 2));
    source.readInto(tensor.byteOffset + fileRow * rowBytes, out.subarray(n * rowBytes, (n + 1) * rowBytes));
  }
}

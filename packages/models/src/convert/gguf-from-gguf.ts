import { type ByteSource, openFileSource } from "@kvfold/core";
import { encodePair } from "../gguf/encode-pair.js";
import { ggufArchitecture } from "../gguf/gguf-architectures.js";
import { type GgufTensor, parseGgufHeader } from "../gguf/parse-gguf-header.js";
import type { GgufOutputTensor } from "../gguf/write-gguf.js";
import type { GgufPlan } from "./gguf-plan.js";
import { formatFor, type GgufWeightType, ggufFileType } from "./gguf-weight-types.js";
import { packedRows } from "./packed-rows.js";

const PIECE_BYTES = 4 << 20;
/** Said anew; every other pair is copied byte for byte. */
const REPLACED = new Set(["general.file_type", "general.quantization_version"]);

/**
 * The file at `path` with its matrices in another type. Names and row order are the file's own, so nothing has to be known of
 * the tokenizer or of RoPE; tensors that are in the type already keep their bytes.
 *
 * @throws KvfoldError when the file is damaged or its architecture is not supported
 */
export function ggufFromGguf(path: string, weights: GgufWeightType): GgufPlan {
  const source = openFileSource(path);
  try {
    const { metadata, pairs, alignment, tensors } = parseGgufHeader(source);
    ggufArchitecture(metadata, path);
    const copied = [...pairs].filter(([key]) => !REPLACED.has(key)).map(([, range]) => read(source, range));
    return {
      pairs: [
        ...copied,
        encodePair("general.file_type", { u32: ggufFileType(weights) }),
        encodePair("general.quantization_version", { u32: 2 }),
      ],
      tensors: [...tensors.values()].map((tensor) => outputTensor(source, tensor, weights)),
      alignment,
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

function read(source: ByteSource, { byteOffset, byteLength }: { byteOffset: number; byteLength: number }): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  source.readInto(byteOffset, bytes);
  return bytes;
}

function outputTensor(source: ByteSource, tensor: GgufTensor, weights: GgufWeightType): GgufOutputTensor {
  const { name, ne } = tensor;
  const format = formatFor(ne, weights);
  if (format === tensor.format) return { name, ne, format, data: () => copiedBytes(source, tensor) };
  const [rowValues = 1, ...outer] = ne;
  const rows = outer.reduce((product, size) => product * size, 1);
  const rowBytes = tensor.byteLength / rows;
  const reader = {
    name,
    rows,
    rowValues,
    read(start: number, count: number, into: Float32Array) {
      const range = { byteOffset: tensor.byteOffset + start * rowBytes, byteLength: count * rowBytes };
      tensor.format.unpack(read(source, range), into);
    },
  };
  return { name, ne, format, data: () => packedRows(reader, format) };
}

function* copiedBytes(source: ByteSource, { byteOffset, byteLength }: GgufTensor): Generator<Uint8Array> {
  for (let at = 0; at < byteLength; at += PIECE_BYTES) {
    yield read(source, { byteOffset: byteOffset + at, byteLength: Math.min(PIECE_BYTES, byteLength - at) });
  }
}

import { type BlockFormat, formatByteLength, KvfoldError, writeInPieces } from "@kvfold/core";
import { ggmlTypeNumber } from "./formats/ggml-formats.js";
import { bytesOf, joined, stringBytes, u32, u64 } from "./gguf-bytes.js";

/** The version that is written; what it added to version 2 is big-endian files. */
const VERSION = 3;
const MAGIC = 0x46554747;

/** A tensor to write. */
export interface GgufOutputTensor {
  readonly name: string;
  /** Sizes in the file's order: innermost first. */
  readonly ne: readonly number[];
  readonly format: BlockFormat;
  /** Hands out its bytes, piece by piece, when its turn comes. */
  readonly data: () => Iterable<Uint8Array>;
}

/** What a GGUF file is made of. */
export interface GgufOutput {
  /** Metadata pairs as bytes, see `encodePair`. */
  readonly pairs: readonly Uint8Array[];
  readonly tensors: readonly GgufOutputTensor[];
  /** Tensors begin at multiples of it; must be what `general.alignment` says, 32 without that pair. */
  readonly alignment: number;
}

/** Bytes of the whole file. */
export function ggufByteLength({ pairs, tensors, alignment }: GgufOutput): number {
  return tensors.reduce(
    (sum, tensor) => sum + aligned(byteLength(tensor), alignment),
    encodeHeader({ pairs, tensors, alignment }).length,
  );
}

/**
 * Writes a GGUF file; see `writeInPieces` of `@kvfold/core` for what is given back and what an early end leaves.
 *
 * @throws KvfoldError `tensor-size` when the bytes of a tensor do not fit its sizes; `file-unwritable`
 */
export function writeGgufInPieces(path: string, output: GgufOutput): Generator<number, void, void> {
  return writeInPieces(path, pieces(output));
}

function* pieces(output: GgufOutput): Generator<Uint8Array> {
  yield encodeHeader(output);
  for (const tensor of output.tensors) {
    let written = 0;
    for (const piece of tensor.data()) {
      written += piece.byteLength;
      yield piece;
    }
    const wanted = byteLength(tensor);
    if (written !== wanted) {
      throw new KvfoldError(
        "tensor-size",
        `Tensor ${tensor.name} of sizes [${tensor.ne}] in ${tensor.format.name} needs ${wanted} bytes, but ${written} were given.`,
      );
    }
    yield new Uint8Array(aligned(wanted, output.alignment) - wanted);
  }
}

/** All that comes before the first tensor's bytes, padded to the alignment. */
function encodeHeader({ pairs, tensors, alignment }: GgufOutput): Uint8Array {
  const parts = [u32(MAGIC), u32(VERSION), u64(tensors.length), u64(pairs.length), ...pairs];
  let offset = 0;
  for (const tensor of tensors) {
    const { name, ne, format } = tensor;
    parts.push(stringBytes(name), u32(ne.length), bytesOf(BigUint64Array.from(ne, BigInt)));
    parts.push(u32(ggmlTypeNumber(format)), u64(offset));
    offset += aligned(byteLength(tensor), alignment);
  }
  const header = joined(parts);
  return joined([header, new Uint8Array(aligned(header.length, alignment) - header.length)]);
}

function byteLength({ ne, format }: GgufOutputTensor): number {
  return formatByteLength(
    format,
    ne.reduce((product, size) => product * size, 1),
  );
}

function aligned(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

import { type BlockFormat, type ByteSource, formatByteLength, KvfoldError, quoted } from "@kvfold/core";
import { ggmlFormats } from "./formats/ggml-formats.js";
import { GgufCursor } from "./gguf-cursor.js";
import { GgufMetadata, type GgufValue } from "./gguf-metadata.js";
import { readMetadataValue } from "./read-metadata-value.js";

const MAX_AXES = 4;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1 << 16;
/** Smallest pair: key length, value type, 1 byte. Smallest tensor: name length, axes, 1 axis, type, offset. */
const LEAST_PAIR_BYTES = 13;
const LEAST_TENSOR_BYTES = 32;

/** One tensor of a GGUF file, as the file describes it. */
export interface GgufTensor {
  readonly name: string;
  /** Sizes in the file's order: innermost (contiguous) first. */
  readonly ne: readonly number[];
  readonly format: BlockFormat;
  /** Position of the first byte in the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A checked GGUF header. */
export interface GgufHeader {
  readonly version: number;
  readonly metadata: GgufMetadata;
  /** Where each pair (key, type, value) lies in the file, in its order: for copying it as it is. */
  readonly pairs: ReadonlyMap<string, { readonly byteOffset: number; readonly byteLength: number }>;
  /** What tensors begin at a multiple of. */
  readonly alignment: number;
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/**
 * Reads and checks a GGUF header (versions 2 and 3, little-endian): pairs, tensors, and that every tensor's bytes lie inside
 * the file and apart from the others. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * Own code, though `@huggingface/gguf` 0.4.6 exists. That one pads what it read with zeros, so a file cut off in the header
 * loads without an error; it reads text that crosses a 2 MB window shortened; and it takes only a path or URL.
 *
 * @throws KvfoldError `gguf-malformed`, or `gguf-unsupported` for what is valid but not readable here
 */
export function parseGgufHeader(source: ByteSource): GgufHeader {
  const cursor = new GgufCursor(source);
  const version = readVersion(cursor, source.path);
  const tensorCount = cursor.count("the number of tensors", LEAST_TENSOR_BYTES);
  const pairCount = cursor.count("the number of metadata pairs", LEAST_PAIR_BYTES);
  const entries = new Map<string, GgufValue>();
  const pairs = new Map<string, { byteOffset: number; byteLength: number }>();
  for (let i = 0; i < pairCount; i++) {
    const byteOffset = cursor.offset;
    const key = cursor.string("a metadata key");
    if (entries.has(key)) throw cursor.error(`metadata ${quoted(key)} is there twice`);
    entries.set(key, readMetadataValue(cursor, cursor.u32(), quoted(key)));
    pairs.set(key, { byteOffset, byteLength: cursor.offset - byteOffset });
  }
  const metadata = new GgufMetadata(entries, source.path);
  if ((metadata.number("split.count") ?? 1) > 1) {
    throw unsupported(source.path, "is one part of a split model; join the parts with llama-gguf-split --merge");
  }
  const infos = Array.from({ length: tensorCount }, () => readTensorInfo(cursor, source.path));
  const alignment = readAlignment(cursor, metadata);
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const { offset, ...info } of infos) {
    if (tensors.has(info.name)) throw cursor.error(`tensor ${quoted(info.name)} is there twice`);
    if (offset % alignment !== 0) {
      throw cursor.error(
        `tensor ${quoted(info.name)} starts at ${offset}, not a multiple of the alignment ${alignment}`,
      );
    }
    tensors.set(info.name, { ...info, byteOffset: dataStart + offset });
  }
  checkRanges(cursor, source.size, tensors);
  return { version, metadata, pairs, alignment, tensors };
}

function readVersion(cursor: GgufCursor, path: string): number {
  if (cursor.u32() !== 0x46554747) throw cursor.error('it does not start with "GGUF"');
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  if (version === 1) throw unsupported(path, "is GGUF version 1; versions 2 and 3 are read: convert the model again");
  if (version > 0 && (version & 0xffff) === 0)
    throw unsupported(path, "is big-endian; only little-endian GGUF is read");
  throw cursor.error(`its version is ${version}; versions 2 and 3 are read`);
}

function readTensorInfo(cursor: GgufCursor, path: string) {
  const name = cursor.string("a tensor name");
  const axes = cursor.u32();
  if (axes < 1 || axes > MAX_AXES)
    throw cursor.error(`tensor ${quoted(name)} has ${axes} axes; 1 to ${MAX_AXES} are valid`);
  const ne = Array.from({ length: axes }, () => cursor.size(`an axis of tensor ${quoted(name)}`));
  const elements = ne.reduce((product, axis) => product * axis, 1);
  if (!Number.isSafeInteger(elements) || elements === 0) {
    throw cursor.error(`tensor ${quoted(name)} has shape [${ne}], which is not possible`);
  }
  const type = cursor.u32();
  const format = ggmlFormats.get(type);
  if (format === undefined) {
    const known = [...ggmlFormats.values()].map(({ name }) => name).join(", ");
    throw unsupported(path, `holds tensor ${quoted(name)} in ggml type ${type}; readable types are ${known}`);
  }
  if ((ne[0] as number) % format.blockValues !== 0) {
    throw cursor.error(
      `tensor ${quoted(name)} has rows of ${ne[0]} values, not whole blocks of ${format.blockValues} (${format.name})`,
    );
  }
  return {
    name,
    ne,
    format,
    byteLength: formatByteLength(format, elements),
    offset: cursor.size(`the offset of tensor ${quoted(name)}`),
  };
}

function readAlignment(cursor: GgufCursor, metadata: GgufMetadata): number {
  const alignment = metadata.number("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (!Number.isInteger(alignment) || alignment < 8 || alignment > MAX_ALIGNMENT || alignment % 8 !== 0) {
    throw cursor.error(`general.alignment is ${alignment}; multiples of 8 up to ${MAX_ALIGNMENT} are valid`);
  }
  return alignment;
}

function checkRanges(cursor: GgufCursor, fileSize: number, tensors: ReadonlyMap<string, GgufTensor>): void {
  let end = 0;
  let last = "";
  for (const tensor of [...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset)) {
    if (tensor.byteOffset < end) throw cursor.error(`tensor ${quoted(tensor.name)} overlaps tensor ${quoted(last)}`);
    end = tensor.byteOffset + tensor.byteLength;
    last = tensor.name;
    if (end > fileSize) {
      throw cursor.error(
        `tensor ${quoted(tensor.name)} ends at byte ${end}, but the file has ${fileSize} (truncated?)`,
      );
    }
  }
}

function unsupported(path: string, what: string): KvfoldError {
  return new KvfoldError("gguf-unsupported", `${path} ${what}.`);
}

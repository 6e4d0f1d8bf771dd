import { KvfoldError } from "../errors/kvfold-error.js";
import { quoted } from "../errors/quoted.js";
import type { ByteSource } from "./byte-source.js";
import { dtypeBytes, type SafetensorsDtype, safetensorsDtypes } from "./dtypes.js";

/** A header larger than this is refused before it is read; real ones stay under 1 MB. */
export const MAX_HEADER_BYTES = 25_000_000;
/** Real tensors have at most 5 axes. */
const MAX_AXES = 16;

/** One tensor of a safetensors file. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype;
  /** Sizes, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly elements: number;
  /** Position of the first byte in the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** In the order of the bytes. */
  readonly tensors: Map<string, SafetensorsEntry>;
  /** `__metadata__`; empty when absent. */
  readonly metadata: Record<string, string>;
}

/**
 * Reads and checks the header: 8 bytes of length, JSON, then the data, which the tensors must cover without hole or
 * overlap (the format's own rule, https://huggingface.co/docs/safetensors).
 *
 * @throws KvfoldError `safetensors-malformed` for anything else than a valid file
 */
export function parseHeader(source: ByteSource): SafetensorsHeader {
  if (source.size < 8) throw malformed(source, `it has ${source.size} bytes, too few for the length of a header`);
  const prefix = new Uint8Array(8);
  source.readInto(0, prefix);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw malformed(source, `its header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are accepted`);
  }
  const dataStart = 8 + length;
  if (dataStart > source.size) {
    throw malformed(source, `its header claims ${length} bytes, but only ${source.size - 8} follow (truncated?)`);
  }
  const bytes = new Uint8Array(length);
  source.readInto(8, bytes);
  const { __metadata__, ...entries } = parseJsonObject(source, bytes);
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, entry] of Object.entries(entries)) tensors.set(name, parseEntry(source, name, entry, dataStart));
  return { tensors: checkCoverage(source, tensors, dataStart), metadata: parseMetadata(source, __metadata__) };
}

function parseJsonObject(source: ByteSource, bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed(source, `its header is not JSON in UTF-8 (${(cause as Error).message})`, cause);
  }
  if (!isObject(value)) throw malformed(source, "its header is JSON, but not an object");
  return value;
}

function parseEntry(source: ByteSource, name: string, entry: unknown, dataStart: number): SafetensorsEntry {
  const wrong = (what: string) => malformed(source, `tensor ${quoted(name)} ${what}`);
  if (!isObject(entry)) throw wrong("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  const size = typeof dtype === "string" ? dtypeBytes(dtype) : undefined;
  if (size === undefined) {
    throw wrong(`has dtype ${quoted(dtype)}; known are ${safetensorsDtypes.join(", ")}`);
  }
  if (!Array.isArray(shape) || shape.length > MAX_AXES || !shape.every(isCount)) {
    throw wrong(`has no valid shape (a list of at most ${MAX_AXES} whole numbers)`);
  }
  const elements = shape.reduce((product, axis) => product * axis, 1);
  if (!isCount(elements * size)) throw wrong(`has shape ${quoted(shape)}, more bytes than can be addressed`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw wrong("has no valid data_offsets (two whole numbers)");
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > source.size - dataStart) {
    throw wrong(`claims bytes ${begin} to ${end} of the data, which has ${source.size - dataStart} (truncated?)`);
  }
  if (end - begin !== elements * size) {
    throw wrong(`has shape ${quoted(shape)} of ${dtype}, ${elements * size} bytes, but its range holds ${end - begin}`);
  }
  return {
    dtype: dtype as SafetensorsDtype,
    shape,
    elements,
    byteOffset: dataStart + begin,
    byteLength: end - begin,
  };
}

/** The same entries in byte order; throws unless they cover the data exactly once. */
function checkCoverage(source: ByteSource, tensors: Map<string, SafetensorsEntry>, dataStart: number) {
  const sorted = [...tensors].sort(
    ([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength, // empty tensors first
  );
  let at = dataStart;
  for (const [name, { byteOffset, byteLength }] of sorted) {
    if (byteOffset !== at) {
      const what = byteOffset < at ? "overlaps the tensor before it" : "leaves a hole before it";
      throw malformed(source, `tensor ${quoted(name)} ${what} (byte ${byteOffset - dataStart} of the data)`);
    }
    at += byteLength;
  }
  if (at !== source.size) throw malformed(source, `${source.size - at} bytes at its end belong to no tensor`);
  return new Map(sorted);
}

function parseMetadata(source: ByteSource, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === "string")) {
    throw malformed(source, "its __metadata__ is not an object of strings");
  }
  return value as Record<string, string>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(source: ByteSource, what: string, cause?: unknown): KvfoldError {
  return new KvfoldError("safetensors-malformed", `${source.path} is not a valid safetensors file: ${what}.`, {
    cause,
  });
}

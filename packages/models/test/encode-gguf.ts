import type { BlockFormat } from "@kvfold/core";
import { ggmlFormats } from "../src/gguf/formats/ggml-formats.js";

/** Value types of GGUF metadata, by name. */
export const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
};
export type ValueType = keyof typeof VALUE_TYPES;

/** One metadata pair to write; `of` is the element type of a list. */
export interface Pair {
  readonly key: string;
  readonly type: ValueType;
  readonly of?: ValueType;
  readonly value: unknown;
}

/** One tensor to write; `ne` is innermost first, as in the file. */
export interface Tensor {
  readonly name: string;
  readonly ne: readonly number[];
  readonly format: BlockFormat;
  readonly bytes: Uint8Array;
}

/** Writes small GGUF files for tests: version 3 unless told otherwise, tensors padded to `alignment`. */
export function encodeGguf(
  pairs: readonly Pair[],
  tensors: readonly Tensor[],
  { version = 3, alignment = 32 } = {},
): Uint8Array {
  const out = new ByteWriter();
  out.u32(0x46554747);
  out.u32(version);
  out.u64(tensors.length);
  out.u64(pairs.length);
  for (const { key, type, of, value } of pairs) {
    out.string(key);
    out.u32(VALUE_TYPES[type]);
    out.value(type, value, of);
  }
  let offset = 0;
  for (const { name, ne, format, bytes } of tensors) {
    out.string(name);
    out.u32(ne.length);
    for (const size of ne) out.u64(size);
    out.u32(ggmlNumber(format));
    out.u64(offset);
    offset += Math.ceil(bytes.length / alignment) * alignment;
  }
  for (const { bytes } of tensors) {
    out.pad(alignment);
    out.bytes(bytes);
  }
  return out.done();
}

function ggmlNumber(format: BlockFormat): number {
  for (const [number, known] of ggmlFormats) if (known === format) return number;
  throw new Error(`${format.name} has no ggml number`);
}

class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  bytes(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
  u32(value: number): void {
    this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }
  u64(value: number | bigint): void {
    this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }
  string(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u64(encoded.length);
    this.bytes(encoded);
  }
  value(type: ValueType, value: unknown, of?: ValueType): void {
    if (type === "array") {
      const items = Array.from(value as ArrayLike<unknown>);
      this.u32(VALUE_TYPES[of ?? "array"]);
      this.u64(items.length);
      for (const item of items) this.value(of ?? "array", item, of);
    } else if (type === "string") {
      this.string(value as string);
    } else {
      this.bytes(scalarBytes(type, value));
    }
  }
  pad(alignment: number): void {
    this.bytes(new Uint8Array((alignment - (this.#length % alignment)) % alignment));
  }
  done(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

const NUMBERS = {
  u8: Uint8Array,
  bool: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
};

function scalarBytes(type: Exclude<ValueType, "string" | "array">, value: unknown): Uint8Array {
  if (type === "u64") return new Uint8Array(BigUint64Array.of(BigInt(value as bigint)).buffer);
  if (type === "i64") return new Uint8Array(BigInt64Array.of(BigInt(value as bigint)).buffer);
  return new Uint8Array(NUMBERS[type].of(Number(value)).buffer);
}

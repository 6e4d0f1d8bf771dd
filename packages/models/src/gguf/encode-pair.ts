import { bytesOf, joined, stringBytes, u32, u64 } from "./gguf-bytes.js";

/** Value types of the format that are written: real files use no others in the keys that llama.cpp reads. */
const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** A metadata value with the type that llama.cpp expects for its key. */
export type OutputValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly ints: Int32Array }
  | { readonly floats: Float32Array };

/** The bytes of one metadata pair. */
export function encodePair(key: string, value: OutputValue): Uint8Array {
  return joined([stringBytes(key), ...valueParts(value)]);
}

function valueParts(value: OutputValue): Uint8Array[] {
  if ("u32" in value) return [u32(TYPE.u32), u32(value.u32)];
  if ("f32" in value) return [u32(TYPE.f32), bytesOf(Float32Array.of(value.f32))];
  if ("bool" in value) return [u32(TYPE.bool), Uint8Array.of(value.bool ? 1 : 0)];
  if ("string" in value) return [u32(TYPE.string), stringBytes(value.string)];
  if ("strings" in value) return [...listHead(TYPE.string, value.strings.length), ...value.strings.map(stringBytes)];
  if ("ints" in value) return [...listHead(TYPE.i32, value.ints.length), bytesOf(value.ints)];
  return [...listHead(TYPE.f32, value.floats.length), bytesOf(value.floats)];
}

function listHead(type: number, length: number): Uint8Array[] {
  return [u32(TYPE.array), u32(type), u64(length)];
}

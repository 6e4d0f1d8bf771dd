import { bf16 } from "../storage/bf16.js";
import { f16 } from "../storage/f16.js";
import { f32 } from "../storage/f32.js";
import type { StorageType } from "../storage/storage-type.js";

/** Bytes per element of every type that the safetensors format knows (types of whole bytes). */
const SIZES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

/** Element type of a tensor in a safetensors file. */
export type SafetensorsDtype = keyof typeof SIZES;

/** Names of all element types, for messages. */
export const safetensorsDtypes = Object.keys(SIZES) as SafetensorsDtype[];

/** Bytes per element, or undefined for an unknown type. */
export function dtypeBytes(dtype: string): number | undefined {
  return Object.hasOwn(SIZES, dtype) ? SIZES[dtype as SafetensorsDtype] : undefined;
}

/** How a floating-point type widens to float32; undefined for the others. */
export function floatStorage(dtype: SafetensorsDtype): StorageType | undefined {
  return { F32: f32, F16: f16, BF16: bf16 }[dtype as string];
}

/** Arrays in which {@link SafetensorsFile.read} hands out a tensor: F16 and BF16 arrive widened to float32. */
export type SafetensorsArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array;

/** The element's own JavaScript array over freshly read bytes. */
export function typedView(dtype: SafetensorsDtype, bytes: Uint8Array<ArrayBuffer>): SafetensorsArray {
  const { buffer } = bytes;
  switch (dtype) {
    case "F16":
      return f16.unpack(bytes);
    case "BF16":
      return bf16.unpack(bytes);
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return new Float64Array(buffer);
    case "I8":
      return new Int8Array(buffer);
    case "I16":
      return new Int16Array(buffer);
    case "U16":
      return new Uint16Array(buffer);
    case "I32":
      return new Int32Array(buffer);
    case "U32":
      return new Uint32Array(buffer);
    case "I64":
      return new BigInt64Array(buffer);
    case "U64":
      return new BigUint64Array(buffer);
    default:
      return bytes;
  }
}

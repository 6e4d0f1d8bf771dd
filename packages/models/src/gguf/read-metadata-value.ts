import type { GgufCursor } from "./gguf-cursor.js";
import type { GgufNumbers, GgufValue } from "./gguf-metadata.js";

const FLOAT32 = 6;
const STRING = 8;
const ARRAY = 9;
const BOOL = 7;
/** Lists of lists exist in the format, but not in real files. */
const MAX_DEPTH = 4;

type NumberArrayType = { new (buffer: ArrayBuffer): GgufNumbers; readonly BYTES_PER_ELEMENT: number };
/** Typed array of each numeric value type of the format. */
const NUMBER_ARRAYS: Record<number, NumberArrayType> = {
  0: Uint8Array,
  1: Int8Array,
  2: Uint16Array,
  3: Int16Array,
  4: Uint32Array,
  5: Int32Array,
  6: Float32Array,
  10: BigUint64Array,
  11: BigInt64Array,
  12: Float64Array,
};

/**
 * Reads one value of the given type. Every count is checked against the bytes that are left before memory is taken for it.
 * @param key whose value it is, for messages
 */
export function readMetadataValue(cursor: GgufCursor, type: number, key: string, depth = 0): GgufValue {
  const numbers = NUMBER_ARRAYS[type];
  if (numbers !== undefined) {
    const [value] = new numbers(cursor.bytes(numbers.BYTES_PER_ELEMENT).buffer);
    if (type === FLOAT32) return shortestDecimal(value as number);
    return typeof value === "bigint" && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
      ? Number(value)
      : (value as number | bigint);
  }
  if (type === BOOL) return readBoolean(cursor, key);
  if (type === STRING) return cursor.string(`the value of ${key}`);
  if (type === ARRAY) return readArray(cursor, key, depth);
  throw cursor.error(`${key} has value type ${type}; types are 0 to 12`);
}

function readBoolean(cursor: GgufCursor, key: string): boolean {
  const byte = cursor.u8();
  if (byte > 1) throw cursor.error(`the boolean ${key} is ${byte}; 0 or 1 are valid`);
  return byte === 1;
}

function readArray(cursor: GgufCursor, key: string, depth: number): GgufValue {
  const type = cursor.u32();
  const numbers = NUMBER_ARRAYS[type];
  // A string takes at least its length (8 bytes), a list its type and length (12 bytes).
  const least = numbers?.BYTES_PER_ELEMENT ?? { [BOOL]: 1, [STRING]: 8, [ARRAY]: 12 }[type];
  if (least === undefined) throw cursor.error(`${key} is a list of value type ${type}; types are 0 to 12`);
  const count = cursor.count(`the length of the list ${key}`, least);
  if (numbers !== undefined) return new numbers(cursor.bytes(count * numbers.BYTES_PER_ELEMENT).buffer);
  if (depth === MAX_DEPTH) throw cursor.error(`${key} nests lists more than ${MAX_DEPTH} deep`);
  const out: GgufValue[] = [];
  for (let i = 0; i < count; i++) out.push(readMetadataValue(cursor, type, key, depth + 1));
  return out as GgufValue;
}

/** The shortest decimal that rounds to this float32: 1e-5 instead of 0.000009999999747378752, as the writer had it. */
function shortestDecimal(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}

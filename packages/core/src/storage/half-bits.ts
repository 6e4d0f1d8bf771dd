import { Float16Array } from "@petamoriken/float16";

/** Half-precision bits of float32 values, rounded to nearest even; too large becomes infinity, NaN stays NaN. */
export function halfBits(values: Float32Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(values).buffer as ArrayBuffer);
}

let table: Float32Array | undefined;

/** Float32 value of each of the 65,536 half-precision bit patterns: one load decodes a value (256 KiB, made on first use). */
export function halfTable(): Float32Array {
  table ??= Float32Array.from(new Float16Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer));
  return table;
}

/** `bytes` as 16-bit words; copies only when the bytes start at an odd address. */
export function asUint16(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes); // Buffer.slice would not copy
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

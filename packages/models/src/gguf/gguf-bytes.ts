/** A number as 4 little-endian bytes. */
export function u32(value: number): Uint8Array {
  return bytesOf(Uint32Array.of(value));
}

/** A length or offset as 8 little-endian bytes. */
export function u64(value: number): Uint8Array {
  return bytesOf(BigUint64Array.of(BigInt(value)));
}

/** A text: its length in bytes, then UTF-8. */
export function stringBytes(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  return joined([u64(encoded.length), encoded]);
}

/** The bytes of a typed array. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** One array of all parts. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

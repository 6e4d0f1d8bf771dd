/** The 32 fifth bits of a 5-bit block: bit i of a little-endian word belongs to value i. */
export function readFifthBits(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Writes what {@link readFifthBits} reads. */
export function writeFifthBits(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = bits;
  bytes[at + 1] = bits >>> 8;
  bytes[at + 2] = bits >>> 16;
  bytes[at + 3] = bits >>> 24;
}

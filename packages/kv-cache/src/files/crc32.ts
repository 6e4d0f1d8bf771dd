const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 (the polynomial of zip and png) of several byte arrays, one after the other. */
export function crc32(parts: Iterable<Uint8Array>): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      crc = (crc >>> 8) ^ (table[(crc ^ (part[i] as number)) & 0xff] as number);
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

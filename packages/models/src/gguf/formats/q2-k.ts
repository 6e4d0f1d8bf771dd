import { halfAt, superBlockFormat } from "./super-block.js";

/**
 * Q2_K, 2.625 bits a value: 256 values as 16 groups of 16. Bytes: 16 (low nibble scale, high nibble minimum), 64 of codes,
 * half `d`, half `dmin`. Byte i of a 32-byte half block holds values i, i+32, i+64, i+96 of its 128 in its four bit pairs.
 */
export const q2K = superBlockFormat("q2_k", 256, 84, (bytes, at, out, o, half) => {
  const d = halfAt(bytes, at + 80, half);
  const dmin = halfAt(bytes, at + 82, half);
  for (let group = 0; group < 16; group++) {
    const packed = bytes[at + group] as number;
    const scale = d * (packed & 15);
    const minimum = dmin * (packed >>> 4);
    const codes = at + 16 + (group >>> 3) * 32 + (group & 1) * 16;
    const shift = ((group >>> 1) & 3) * 2;
    for (let i = 0; i < 16; i++) {
      out[o + group * 16 + i] = scale * (((bytes[codes + i] as number) >>> shift) & 3) - minimum;
    }
  }
});

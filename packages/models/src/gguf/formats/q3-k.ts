import { halfAt, superBlockFormat } from "./super-block.js";

/**
 * Q3_K, 3.4375 bits a value: 256 values as 16 groups of 16 with 6-bit signed scales. Bytes: 32 of high bits, 64 of low bit
 * pairs (laid out as in Q2_K), 12 of scales, half `d`. A high bit of 0 means minus 4.
 */
export const q3K = superBlockFormat("q3_k", 256, 110, (bytes, at, out, o, half) => {
  const d = halfAt(bytes, at + 108, half);
  for (let group = 0; group < 16; group++) {
    const scale = d * (scaleOf(bytes, at + 96, group) - 32);
    const highs = at + (group & 1) * 16;
    const highShift = group >>> 1;
    const codes = at + 32 + (group >>> 3) * 32 + (group & 1) * 16;
    const shift = ((group >>> 1) & 3) * 2;
    for (let i = 0; i < 16; i++) {
      const low = ((bytes[codes + i] as number) >>> shift) & 3;
      const high = ((bytes[highs + i] as number) >>> highShift) & 1;
      out[o + group * 16 + i] = scale * (low - 4 + 4 * high);
    }
  }
});

/** 6-bit scale: low nibbles of 16 groups in 8 bytes, then the upper pairs of bits in 4 bytes. */
function scaleOf(bytes: Uint8Array, at: number, group: number): number {
  const low = ((bytes[at + (group & 7)] as number) >>> (group >>> 3 === 0 ? 0 : 4)) & 15;
  const high = ((bytes[at + 8 + (group & 3)] as number) >>> ((group >>> 2) * 2)) & 3;
  return low | (high << 4);
}

import { halfAt, superBlockFormat } from "./super-block.js";

/**
 * Q4_K, 4.5 bits a value: 256 values as 8 groups of 32 with 6-bit scale and minimum. Bytes: half `d`, half `dmin`, 12 of
 * scales and minima, 128 of codes: 32 bytes hold one group in their low nibbles and the next one in their high nibbles.
 */
export const q4K = superBlockFormat("q4_k", 256, 144, (bytes, at, out, o, half) => {
  const d = halfAt(bytes, at, half);
  const dmin = halfAt(bytes, at + 2, half);
  for (let group = 0; group < 8; group++) {
    const scale = d * scaleOf(bytes, at + 4, group);
    const minimum = dmin * minimumOf(bytes, at + 4, group);
    const codes = at + 16 + (group >>> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      out[o + group * 32 + i] = scale * (((bytes[codes + i] as number) >>> shift) & 15) - minimum;
    }
  }
});

/** Q5_K, 5.5 bits a value: as Q4_K, with 32 bytes of fifth bits (bit g of byte i: value i of group g) before the codes. */
export const q5K = superBlockFormat("q5_k", 256, 176, (bytes, at, out, o, half) => {
  const d = halfAt(bytes, at, half);
  const dmin = halfAt(bytes, at + 2, half);
  for (let group = 0; group < 8; group++) {
    const scale = d * scaleOf(bytes, at + 4, group);
    const minimum = dmin * minimumOf(bytes, at + 4, group);
    const codes = at + 48 + (group >>> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const low = ((bytes[codes + i] as number) >>> shift) & 15;
      const high = ((bytes[at + 16 + i] as number) >>> group) & 1;
      out[o + group * 32 + i] = scale * (low | (high << 4)) - minimum;
    }
  }
});

/** 6-bit scale of a group: whole in bytes 0..3 for groups 0..3; for 4..7 a nibble in bytes 8..11 and the top bits of 0..3. */
function scaleOf(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return (bytes[at + group] as number) & 63;
  return ((bytes[at + group + 4] as number) & 15) | (((bytes[at + group - 4] as number) >>> 6) << 4);
}

/** 6-bit minimum of a group: as {@link scaleOf}, with bytes 4..7 and the high nibbles. */
function minimumOf(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return (bytes[at + group + 4] as number) & 63;
  return ((bytes[at + group + 4] as number) >>> 4) | (((bytes[at + group] as number) >>> 6) << 4);
}

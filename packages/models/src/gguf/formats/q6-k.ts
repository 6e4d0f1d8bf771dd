import { halfAt, superBlockFormat } from "./super-block.js";

/**
 * Q6_K, 6.5625 bits a value: 256 values as 16 groups of 16 with signed 8-bit scales. Bytes: 128 of low nibbles, 64 of high bit
 * pairs, 16 of scales, half `d`. Each half block of 128 has four runs of 32: low nibbles of bytes 0..31 and 32..63, then
 * their high nibbles; the high pair of run r sits at bits 2r of 32 bytes.
 */
export const q6K = superBlockFormat("q6_k", 256, 210, (bytes, at, out, o, half) => {
  const d = halfAt(bytes, at + 208, half);
  for (let run = 0; run < 8; run++) {
    const within = run & 3;
    const lows = at + (run >>> 2) * 64 + (within & 1) * 32;
    const lowShift = (within >>> 1) * 4;
    const highs = at + 128 + (run >>> 2) * 32;
    for (let i = 0; i < 32; i++) {
      const scale = d * (((bytes[at + 192 + run * 2 + (i >>> 4)] as number) << 24) >> 24);
      const low = ((bytes[lows + i] as number) >>> lowShift) & 15;
      const high = ((bytes[highs + i] as number) >>> (within * 2)) & 3;
      out[o + run * 32 + i] = scale * ((low | (high << 4)) - 32);
    }
  }
});

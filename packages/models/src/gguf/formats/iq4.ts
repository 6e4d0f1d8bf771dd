import { halfAt, superBlockFormat } from "./super-block.js";

/** The 16 levels of the non-linear 4-bit code (`kvalues_iq4nl` in ggml-common.h). */
const LEVELS = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** IQ4_NL, 4.5 bits a value: laid out as Q4_0 (half `d`, 16 bytes of nibbles for 32 values), with non-linear levels. */
export const iq4Nl = superBlockFormat("iq4_nl", 32, 18, (bytes, at, out, o, half) => {
  decodeNibbles(bytes, at + 2, halfAt(bytes, at, half), out, o);
});

/**
 * IQ4_XS, 4.25 bits a value: 256 values as 8 groups of 32 with 6-bit signed scales. Bytes: half `d`, 2 of high scale bits,
 * 4 of low scale nibbles, 128 of codes.
 */
export const iq4Xs = superBlockFormat("iq4_xs", 256, 136, (bytes, at, out, o, half) => {
  const d = halfAt(bytes, at, half);
  const highBits = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
  for (let group = 0; group < 8; group++) {
    const low = ((bytes[at + 4 + (group >>> 1)] as number) >>> ((group & 1) * 4)) & 15;
    const high = (highBits >>> (2 * group)) & 3;
    decodeNibbles(bytes, at + 8 + group * 16, d * ((low | (high << 4)) - 32), out, o + group * 32);
  }
});

function decodeNibbles(bytes: Uint8Array, codes: number, scale: number, out: Float32Array, o: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[codes + i] as number;
    out[o + i] = scale * (LEVELS[byte & 15] as number);
    out[o + 16 + i] = scale * (LEVELS[byte >>> 4] as number);
  }
}

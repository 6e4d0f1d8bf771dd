import { halfBits, halfTable } from "./half-bits.js";
import { formatByteLength, notFinite, type StorageType, unpackTarget } from "./storage-type.js";

const VALUES = 32;
const BYTES = 34;

/**
 * int8 in blocks of 32 with one scale, 8.5 bits a value; GGUF's Q8_0: half-precision scale `d`, then 32 signed bytes `q`;
 * value = d * q. The largest magnitude of the block becomes +-127.
 */
export const q8_0: StorageType = {
  name: "q8_0",
  blockValues: VALUES,
  blockBytes: BYTES,
  byteLength: (values) => formatByteLength(q8_0, values),
  pack(values) {
    const out = new Uint8Array(formatByteLength(q8_0, values.length));
    const scales = new Float32Array(values.length / VALUES);
    for (let block = 0; block < scales.length; block++) {
      let largest = 0;
      let poison = 0; // 0 * x is NaN exactly when x is NaN or infinite
      for (let i = block * VALUES; i < (block + 1) * VALUES; i++) {
        const value = values[i] as number;
        poison += value * 0;
        largest = Math.max(largest, Math.abs(value));
      }
      const scale = Math.fround(largest / 127);
      if (poison !== 0 || scale >= 65520) throw notFinite("q8_0", block);
      scales[block] = scale;
      // The codes come from the scale before it is rounded to half, all in float32: llama.cpp's bytes.
      const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
      for (let i = 0; i < VALUES; i++) {
        const scaled = Math.fround((values[block * VALUES + i] as number) * inverse);
        const code = Math.min(127, Math.floor(Math.abs(scaled) + 0.5));
        out[block * BYTES + 2 + i] = scaled < 0 ? -code : code;
      }
    }
    const bits = halfBits(scales);
    for (let block = 0; block < bits.length; block++) {
      out[block * BYTES] = bits[block] as number;
      out[block * BYTES + 1] = (bits[block] as number) >>> 8;
    }
    return out;
  },
  unpack(bytes, into) {
    const out = unpackTarget(q8_0, bytes, into);
    const table = halfTable();
    let o = 0;
    for (let at = 0; at < bytes.length; at += BYTES) {
      const scale = table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
      for (let i = at + 2; i < at + BYTES; i++) out[o++] = scale * (((bytes[i] as number) << 24) >> 24);
    }
    return out;
  },
};

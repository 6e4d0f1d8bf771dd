import { signedCode, signedScales } from "./block-scales.js";
import { halfTable } from "./half-bits.js";
import { formatByteLength, notFinite, type StorageType, unpackTarget } from "./storage-type.js";

const VALUES = 32;
const BYTES = 18;

/**
 * 4 bits in blocks of 32 with one scale, 4.5 bits a value; GGUF's Q4_0: half-precision scale `d`, then 16 bytes whose low
 * nibbles are values 0..15 and high nibbles values 16..31; value = d * (q - 8).
 */
export const q4_0: StorageType = {
  name: "q4_0",
  blockValues: VALUES,
  blockBytes: BYTES,
  byteLength: (values) => formatByteLength(q4_0, values),
  pack(values) {
    const out = new Uint8Array(formatByteLength(q4_0, values.length));
    const { bits, inverses } = signedScales(values, 8, (block) => notFinite("q4_0", block));
    for (let block = 0; block < bits.length; block++) {
      const half = bits[block] as number;
      const inverse = inverses[block] as number;
      const at = block * BYTES;
      out[at] = half;
      out[at + 1] = half >>> 8;
      for (let i = 0; i < 16; i++) {
        const low = signedCode(values[block * VALUES + i] as number, inverse, 8);
        const high = signedCode(values[block * VALUES + 16 + i] as number, inverse, 8);
        out[at + 2 + i] = low | (high << 4);
      }
    }
    return out;
  },
  unpack(bytes, into) {
    const out = unpackTarget(q4_0, bytes, into);
    const table = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += BYTES, o += VALUES) {
      const scale = table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
      for (let i = 0; i < 16; i++) {
        const byte = bytes[at + 2 + i] as number;
        out[o + i] = scale * ((byte & 15) - 8);
        out[o + 16 + i] = scale * ((byte >>> 4) - 8);
      }
    }
    return out;
  },
};

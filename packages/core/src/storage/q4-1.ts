import { affineCode, scalesAndMinima } from "./block-scales.js";
import { halfTable } from "./half-bits.js";
import { formatByteLength, notFinite, type StorageType, unpackTarget } from "./storage-type.js";

const VALUES = 32;
const BYTES = 20;

/**
 * 4 bits in blocks of 32 with scale and minimum, 5 bits a value; GGUF's Q4_1: half-precision `d` and `m`, then 16 bytes
 * whose low nibbles are values 0..15 and high nibbles values 16..31; value = d * q + m.
 */
export const q4_1: StorageType = {
  name: "q4_1",
  blockValues: VALUES,
  blockBytes: BYTES,
  byteLength: (values) => formatByteLength(q4_1, values),
  pack(values) {
    const out = new Uint8Array(formatByteLength(q4_1, values.length));
    const { bits, inverses, minima } = scalesAndMinima(values, 15, (block) => notFinite("q4_1", block));
    const words = new Uint16Array(out.buffer);
    for (let block = 0; block < inverses.length; block++) {
      const inverse = inverses[block] as number;
      const minimum = minima[block] as number;
      words[block * 10] = bits[2 * block] as number;
      words[block * 10 + 1] = bits[2 * block + 1] as number;
      for (let i = 0; i < 16; i++) {
        const low = affineCode(values[block * VALUES + i] as number, inverse, minimum, 15);
        const high = affineCode(values[block * VALUES + 16 + i] as number, inverse, minimum, 15);
        out[block * BYTES + 4 + i] = low | (high << 4);
      }
    }
    return out;
  },
  unpack(bytes, into) {
    const out = unpackTarget(q4_1, bytes, into);
    const table = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += BYTES, o += VALUES) {
      const scale = table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
      const minimum = table[(bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)] as number;
      for (let i = 0; i < 16; i++) {
        const byte = bytes[at + 4 + i] as number;
        out[o + i] = scale * (byte & 15) + minimum;
        out[o + 16 + i] = scale * (byte >>> 4) + minimum;
      }
    }
    return out;
  },
};

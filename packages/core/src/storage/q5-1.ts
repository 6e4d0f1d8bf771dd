import { affineCode, scalesAndMinima } from "./block-scales.js";
import { readFifthBits, writeFifthBits } from "./fifth-bits.js";
import { halfTable } from "./half-bits.js";
import { formatByteLength, notFinite, type StorageType, unpackTarget } from "./storage-type.js";

const VALUES = 32;
const BYTES = 24;

/**
 * 5 bits in blocks of 32 with scale and minimum, 6 bits a value; GGUF's Q5_1: half-precision `d` and `m`, 32 fifth bits
 * (bit i of a little-endian word belongs to value i), then 16 bytes whose low nibbles are values 0..15 and high nibbles
 * values 16..31; value = d * q + m.
 */
export const q5_1: StorageType = {
  name: "q5_1",
  blockValues: VALUES,
  blockBytes: BYTES,
  byteLength: (values) => formatByteLength(q5_1, values),
  pack(values) {
    const out = new Uint8Array(formatByteLength(q5_1, values.length));
    const { bits, inverses, minima } = scalesAndMinima(values, 31, (block) => notFinite("q5_1", block));
    const words = new Uint16Array(out.buffer);
    for (let block = 0; block < inverses.length; block++) {
      const inverse = inverses[block] as number;
      const minimum = minima[block] as number;
      words[block * 12] = bits[2 * block] as number;
      words[block * 12 + 1] = bits[2 * block + 1] as number;
      let fifth = 0;
      for (let i = 0; i < 16; i++) {
        const low = affineCode(values[block * VALUES + i] as number, inverse, minimum, 31);
        const high = affineCode(values[block * VALUES + 16 + i] as number, inverse, minimum, 31);
        out[block * BYTES + 8 + i] = (low & 15) | ((high & 15) << 4);
        fifth |= ((low >>> 4) << i) | ((high >>> 4) << (16 + i));
      }
      writeFifthBits(out, block * BYTES + 4, fifth);
    }
    return out;
  },
  unpack(bytes, into) {
    const out = unpackTarget(q5_1, bytes, into);
    const table = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += BYTES, o += VALUES) {
      const scale = table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
      const minimum = table[(bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)] as number;
      const fifth = readFifthBits(bytes, at + 4);
      for (let i = 0; i < 16; i++) {
        const byte = bytes[at + 8 + i] as number;
        out[o + i] = scale * ((byte & 15) | (((fifth >>> i) & 1) << 4)) + minimum;
        out[o + 16 + i] = scale * ((byte >>> 4) | (((fifth >>> (16 + i)) & 1) << 4)) + minimum;
      }
    }
    return out;
  },
};

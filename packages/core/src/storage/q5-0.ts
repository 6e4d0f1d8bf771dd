import { signedCode, signedScales } from "./block-scales.js";
import { readFifthBits, writeFifthBits } from "./fifth-bits.js";
import { halfTable } from "./half-bits.js";
import { formatByteLength, notFinite, type StorageType, unpackTarget } from "./storage-type.js";

const VALUES = 32;
const BYTES = 22;

/**
 * 5 bits in blocks of 32 with one scale, 5.5 bits a value; GGUF's Q5_0: half-precision scale `d`, 32 fifth bits (bit i
 * of a little-endian word belongs to value i), then 16 bytes whose low nibbles are values 0..15 and high nibbles values
 * 16..31; value = d * (q - 16).
 */
export const q5_0: StorageType = {
  name: "q5_0",
  blockValues: VALUES,
  blockBytes: BYTES,
  byteLength: (values) => formatByteLength(q5_0, values),
  pack(values) {
    const out = new Uint8Array(formatByteLength(q5_0, values.length));
    const { bits, inverses } = signedScales(values, 16, (block) => notFinite("q5_0", block));
    for (let block = 0; block < bits.length; block++) {
      const half = bits[block] as number;
      const inverse = inverses[block] as number;
      const at = block * BYTES;
      out[at] = half;
      out[at + 1] = half >>> 8;
      let fifth = 0;
      for (let i = 0; i < 16; i++) {
        const low = signedCode(values[block * VALUES + i] as number, inverse, 16);
        const high = signedCode(values[block * VALUES + 16 + i] as number, inverse, 16);
        out[at + 6 + i] = (low & 15) | ((high & 15) << 4);
        fifth |= ((low >>> 4) << i) | ((high >>> 4) << (16 + i));
      }
      writeFifthBits(out, at + 2, fifth);
    }
    return out;
  },
  unpack(bytes, into) {
    const out = unpackTarget(q5_0, bytes, into);
    const table = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += BYTES, o += VALUES) {
      const scale = table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
      const fifth = readFifthBits(bytes, at + 2);
      for (let i = 0; i < 16; i++) {
        const byte = bytes[at + 6 + i] as number;
        out[o + i] = scale * (((byte & 15) | (((fifth >>> i) & 1) << 4)) - 16);
        out[o + 16 + i] = scale * (((byte >>> 4) | (((fifth >>> (16 + i)) & 1) << 4)) - 16);
      }
    }
    return out;
  },
};

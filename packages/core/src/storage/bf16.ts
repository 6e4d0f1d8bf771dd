import { asUint16 } from "./half-bits.js";
import { formatByteLength, type StorageType, unpackTarget } from "./storage-type.js";

/** bfloat16: the upper half of a float32 (8 significant bits, full range), rounded to nearest even. */
export const bf16: StorageType = {
  name: "bf16",
  blockValues: 1,
  blockBytes: 2,
  byteLength: (values) => formatByteLength(bf16, values),
  pack(values) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const words = new Uint16Array(values.length);
    for (let i = 0; i < words.length; i++) {
      const b = bits[i] as number;
      // A NaN keeps its top payload bits and is made quiet: rounding could carry it into infinity.
      words[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
    }
    return new Uint8Array(words.buffer);
  },
  unpack(bytes, into) {
    const out = unpackTarget(bf16, bytes, into);
    const words = asUint16(bytes);
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < bits.length; i++) bits[i] = (words[i] as number) << 16;
    return out;
  },
};

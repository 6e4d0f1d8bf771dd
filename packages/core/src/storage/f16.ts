import { asUint16, halfBits, halfTable } from "./half-bits.js";
import { formatByteLength, type StorageType, unpackTarget } from "./storage-type.js";

/** IEEE half precision: 11 significant bits, up to 65,504; larger values become infinity. */
export const f16: StorageType = {
  name: "f16",
  blockValues: 1,
  blockBytes: 2,
  byteLength: (values) => formatByteLength(f16, values),
  pack: (values) => new Uint8Array(halfBits(values).buffer),
  unpack(bytes, into) {
    const out = unpackTarget(f16, bytes, into);
    const words = asUint16(bytes);
    const table = halfTable();
    for (let i = 0; i < out.length; i++) out[i] = table[words[i] as number] as number;
    return out;
  },
};

import { formatByteLength, type StorageType, unpackTarget } from "./storage-type.js";

/** Plain float32: 4 bytes a value, nothing lost. */
export const f32: StorageType = {
  name: "f32",
  blockValues: 1,
  blockBytes: 4,
  byteLength: (values) => formatByteLength(f32, values),
  pack: (values) => new Uint8Array(values.slice().buffer),
  unpack(bytes, into) {
    const out = unpackTarget(f32, bytes, into);
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
    return out;
  },
};

import { type BlockFormat, halfTable, unpackTarget } from "@kvfold/core";

/**
 * Makes the format of a K-quant or IQ type: blocks that are decoded one at a time.
 *
 * All of them compute `scale * code - offset` where scale is a half times a small integer: at most 24 significant bits, so
 * the products are exact in float32 as well as in JavaScript's doubles and only the last step rounds, as in llama.cpp.
 *
 * @param decode fills `out[o ..]` with the block at `bytes[at ..]`; `half` maps 16 bits to the float32 value
 */
export function superBlockFormat(
  name: string,
  blockValues: number,
  blockBytes: number,
  decode: (bytes: Uint8Array, at: number, out: Float32Array, o: number, half: Float32Array) => void,
): BlockFormat {
  const format: BlockFormat = {
    name,
    blockValues,
    blockBytes,
    unpack(bytes, into) {
      const out = unpackTarget(format, bytes, into);
      const half = halfTable();
      for (let at = 0, o = 0; at < bytes.length; at += blockBytes, o += blockValues) decode(bytes, at, out, o, half);
      return out;
    },
  };
  return format;
}

/** The half-precision value at `bytes[at]`, little-endian. */
export function halfAt(bytes: Uint8Array, at: number, half: Float32Array): number {
  return half[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

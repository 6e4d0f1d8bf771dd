import type { Random } from "./random.js";

/** 64-bit values that break sums, products and comparisons. */
const ODD_INTEGERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  31n,
  255n,
  65_535n,
  2n ** 24n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n - 32n,
];

/** Damages bytes `[from, to)`: flipped bits, overwritten runs, removed, inserted or moved pieces. */
export function damageBytes(bytes: Uint8Array, from: number, to: number, random: Random): Uint8Array {
  const at = from + random.below(Math.max(1, to - from));
  const run = Math.min(to - at, 1 + random.below(16));
  const copy = bytes.slice();
  switch (random.below(6)) {
    case 0:
    case 1:
      for (let n = 1 + random.below(8); n > 0; n--) flipBit(copy, from + random.below(Math.max(1, to - from)), random);
      return copy;
    case 2:
      copy.fill(random.pick([0, 0xff, 0x7f, 0x20]), at, at + run);
      return copy;
    case 3:
      return join(bytes.subarray(0, at), bytes.subarray(at + run));
    case 4:
      return join(
        bytes.subarray(0, at),
        new Uint8Array(run).map(() => random.below(256)),
        bytes.subarray(at),
      );
    default:
      copy.copyWithin(at, from + random.below(Math.max(1, to - from)), to - run);
      return copy;
  }
}

/**
 * Overwrites one field that looks like a count, length, type or offset: eight (or four) bytes that hold a small number.
 * Half of the new values are odd ones, half lie near the old one.
 */
export function damageField(bytes: Uint8Array, from: number, to: number, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: number[] = [];
  for (let at = from; at + 8 <= to; at++) {
    if (bytes[at] !== 0 && view.getUint32(at, true) < 2 ** 22 && bytes[at + 3] === 0) fields.push(at);
  }
  if (fields.length === 0) return damageBytes(bytes, from, to, random);
  const at = random.pick(fields);
  const copy = bytes.slice();
  const out = new DataView(copy.buffer);
  const wide = view.getUint32(at + 4, true) === 0;
  const near = BigInt(view.getUint32(at, true)) + BigInt(random.below(67) - 33);
  const value = BigInt.asUintN(64, random.next() < 0.5 ? random.pick(ODD_INTEGERS) : near);
  if (wide) out.setBigUint64(at, value, true);
  else out.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  return copy;
}

/** Cuts the file at a random place in `[from, to)`. */
export function truncate(bytes: Uint8Array, from: number, to: number, random: Random): Uint8Array {
  return bytes.slice(0, from + random.below(Math.max(1, to - from)));
}

/** Concatenates. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function flipBit(bytes: Uint8Array, at: number, random: Random): void {
  if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
}

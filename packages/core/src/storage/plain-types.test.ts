import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16 } from "./bf16.js";
import { f16 } from "./f16.js";
import { f32 } from "./f32.js";
import type { StorageType } from "./storage-type.js";

const floatBits = fc.integer({ min: 0, max: 0xffffffff });
const fromBits = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer);
const words = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);

/** All values that 16-bit words of `type` decode to. */
function everyValue(type: StorageType): Float32Array {
  return type.unpack(new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer));
}

// `beyond`: from here on values are rounded to infinity
describe.each([
  { type: bf16, infinity: 0x7f80, mantissa: 7, beyond: (2 - 2 ** -8) * 2 ** 127 },
  { type: f16, infinity: 0x7c00, mantissa: 10, beyond: 65520 },
])("$type.name", ({ type, infinity, mantissa, beyond }) => {
  const values = everyValue(type);

  it("packs every value it can hold to the same bits", () => {
    const again = words(type.pack(values));
    for (let bits = 0; bits < 65536; bits++) {
      if (Number.isNaN(values[bits] as number)) expect((again[bits] as number) & 0x7fff).toBeGreaterThan(infinity);
      else expect(again[bits]).toBe(bits);
    }
  });

  it("rounds to the nearest value, ties to the even word", () => {
    fc.assert(
      fc.property(floatBits, (bits) => {
        const x = fromBits(bits)[0] as number;
        fc.pre(Number.isFinite(x) && Math.abs(x) < beyond);
        const word = words(type.pack(Float32Array.of(x)))[0] as number;
        const error = Math.abs((values[word] as number) - x);
        for (const neighbour of [word - 1, word + 1]) {
          const other = values[neighbour & 0xffff] as number;
          if (!Number.isFinite(other) || neighbour < 0) continue;
          const otherError = Math.abs(other - x);
          expect(otherError).toBeGreaterThanOrEqual(error);
          if (otherError === error && other !== values[word]) expect(word & 1).toBe(0);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("takes exact ties to even", () => {
    const step = 2 ** -mantissa;
    const tieDown = 1 + step / 2; // between word (even) and word + 1
    const tieUp = 1 + (3 * step) / 2; // between word + 1 and word + 2 (even)
    expect([...type.unpack(type.pack(Float32Array.of(tieDown, tieUp)))]).toEqual([1, 1 + 2 * step]);
  });

  it("keeps infinities and NaN, and turns too large values into infinity", () => {
    const out = type.unpack(
      type.pack(Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, beyond, -beyond)),
    );
    expect([...out]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
    // NaN whose payload sits only in the low bits must not become infinity.
    expect(type.unpack(type.pack(fromBits(0x7f800001)))[0]).toBeNaN();
  });

  it("unpacks from an odd address and into a given array", () => {
    const packed = type.pack(Float32Array.of(1.5, -2));
    const shifted = new Uint8Array(5);
    shifted.set(packed, 1);
    const into = new Float32Array(2);
    expect(type.unpack(shifted.subarray(1), into)).toBe(into);
    expect([...into]).toEqual([1.5, -2]);
    expect([...type.unpack(Buffer.from(shifted.buffer).subarray(1))]).toEqual([1.5, -2]); // whose slice() is a view
  });
});

describe("f32", () => {
  it("returns every bit", () => {
    fc.assert(
      fc.property(fc.array(floatBits, { maxLength: 50 }), (bits) => {
        const values = new Float32Array(Uint32Array.from(bits).buffer);
        const out = f32.unpack(f32.pack(values));
        expect([...new Uint32Array(out.buffer)]).toEqual(bits);
      }),
    );
  });

  it("packs a part of an array", () => {
    expect([...f32.unpack(f32.pack(Float32Array.of(1, 2, 3).subarray(1)))]).toEqual([2, 3]);
  });
});

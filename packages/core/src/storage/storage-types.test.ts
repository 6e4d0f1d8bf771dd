import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storageTypes } from "./storage-types.js";

const types = Object.values(storageTypes);
const blockTypes = types.filter((type) => type.blockValues > 1);
/** Codes of a block span its range in this many steps; half a step is the most that rounding loses. */
const steps: Record<string, number> = { q8_0: 254, q4_0: 16, q4_1: 15, q5_0: 32, q5_1: 31 };

const block = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), {
  minLength: 32,
  maxLength: 32,
});

describe.each(types)("$name", (type) => {
  it("says how many bytes it takes", () => {
    const values = new Float32Array(96).fill(0.25);
    expect(type.pack(values).byteLength).toBe(type.byteLength(96));
    expect(type.unpack(type.pack(values)).length).toBe(96);
  });

  it("refuses parts of a block and arrays of another length", () => {
    const part = new Uint8Array(type.blockBytes + 1);
    if (type.blockBytes > 1) expect(() => type.unpack(part)).toThrow(/not a whole number of blocks/);
    expect(() => type.unpack(new Uint8Array(type.blockBytes), new Float32Array(33))).toThrow(/holds 33/);
    expect(() => type.byteLength(-1)).toThrow(/whole number of blocks/);
    if (type.blockValues > 1) expect(() => type.pack(new Float32Array(31))).toThrow(/whole number of blocks/);
  });
});

describe.each(blockTypes)("$name", (type) => {
  it("loses at most a code step and the rounding of its scales", () => {
    fc.assert(
      fc.property(block, block, (a, b) => {
        const values = Float32Array.from([...a, ...b]);
        const out = type.unpack(type.pack(values));
        for (const start of [0, 32]) {
          const part = values.subarray(start, start + 32);
          const largest = part.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
          const range = type.name.endsWith("_1") ? Math.max(...part) - Math.min(...part) : 2 * largest;
          const step = range / (steps[type.name] as number);
          // Signed types have one code more below zero than above, so the far end may be off by a whole step.
          // Scale and minimum are half precision: relative 2^-11, absolute 2^-25 below the normal range.
          const bound = (type.name.endsWith("_1") ? 0.5 : 1) * step + 2 ** -10 * (range + largest) + 2 ** -24 * 300;
          for (let i = 0; i < 32; i++) {
            expect(Math.abs((out[start + i] as number) - (part[i] as number))).toBeLessThanOrEqual(bound);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is stable: packing what it unpacked gives the same values", () => {
    fc.assert(
      fc.property(block, (a) => {
        const once = type.unpack(type.pack(Float32Array.from(a)));
        const twice = type.unpack(type.pack(once));
        const largest = once.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        for (let i = 0; i < 32; i++) {
          expect(Math.abs((twice[i] as number) - (once[i] as number))).toBeLessThanOrEqual(
            2 ** -9 * largest + 2 ** -24 * 300,
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it("holds zeros exactly", () => {
    expect([...type.unpack(type.pack(new Float32Array(32)))].every((value) => value === 0)).toBe(true);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38])("refuses %s in a block", (bad) => {
    const values = new Float32Array(64).fill(1);
    values[40] = bad;
    expect(() => type.pack(values)).toThrow(/cannot hold block 1/);
  });
});

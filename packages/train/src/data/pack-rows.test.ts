import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packRows } from "./pack-rows.js";

const rowsOf = (sizes: readonly number[], length: number) => {
  const { pieces, rowStarts } = packRows(Int32Array.from(sizes), length);
  return Array.from({ length: rowStarts.length - 1 }, (_, row) => [
    ...pieces.subarray(rowStarts[row], rowStarts[row + 1]),
  ]);
};

describe("packRows", () => {
  it("puts each piece into the fullest row that has room", () => {
    expect(rowsOf([4, 7, 3, 6, 8], 10)).toEqual([[4], [1, 2], [0, 3]]);
    expect(rowsOf([10, 10], 10)).toEqual([[0], [1]]);
    expect(rowsOf([], 10)).toEqual([]);
  });

  it("packs every piece once, no row too full, at most one half empty", () => {
    const lengths = fc.integer({ min: 2, max: 60 });
    const cases = lengths.chain((length) =>
      fc.record({
        length: fc.constant(length),
        sizes: fc.array(fc.integer({ min: 1, max: length }), { maxLength: 80 }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ length, sizes }) => {
        const rows = rowsOf(sizes, length);
        expect(rows.flat().sort((a, b) => a - b)).toEqual(sizes.map((_, piece) => piece));
        const filled = rows.map((row) => row.reduce((sum, piece) => sum + (sizes[piece] as number), 0));
        for (const tokens of filled) expect(tokens).toBeLessThanOrEqual(length);
        expect(filled.filter((tokens) => 2 * tokens <= length).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

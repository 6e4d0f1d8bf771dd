import { broadcast_util, util } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { batchRuns } from "./batch-runs.js";

/** Which matrix of an operand the matrix at `place` of the batch takes, from the places along each axis. */
function taken(batch: readonly number[], own: readonly number[], place: number): number {
  const places = util.indexToLoc(
    place,
    batch.length,
    util
      .computeStrides([...batch])
      .concat(1)
      .slice(-batch.length),
  );
  const aligned = places.slice(batch.length - own.length);
  return aligned.reduce((index, at, axis) => index * (own[axis] as number) + (own[axis] === 1 ? 0 : at), 0);
}

it("runs cover the batch in order and take the matrices that broadcasting takes", () => {
  const dims = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(dims, fc.infiniteStream(fc.boolean()), fc.nat(3), (full, ones, shorter) => {
      const partly = () => full.map((size) => (ones.next().value ? 1 : size));
      const [a, b] = [partly(), partly().slice(Math.min(shorter, full.length - 1))];
      const batch = broadcast_util.assertAndGetBroadcastShape(a, b);
      const runs = batchRuns(batch, a, b);
      const expanded = runs.flatMap(({ count, aFirst, bFirst, aStep, bStep }) =>
        Array.from({ length: count }, (_, i) => [aFirst + i * aStep, bFirst + i * bStep]),
      );
      expect(expanded).toEqual(
        Array.from({ length: util.sizeFromShape(batch) }, (_, place) => [
          taken(batch, a, place),
          taken(batch, b, place),
        ]),
      );
      expect(runs.map(({ first }) => first)).toEqual(
        runs.map((_, i) => runs.slice(0, i).reduce((sum, { count }) => sum + count, 0)),
      );
    }),
  );
});

it("makes one run of equal dimensions and of a single matrix", () => {
  expect(batchRuns([2, 3], [2, 3], [2, 3])).toHaveLength(1);
  expect(batchRuns([2, 3], [2, 3], [1, 1])).toHaveLength(1);
  expect(batchRuns([2, 3], [3], [2, 3])).toHaveLength(2);
});

import fc from "fast-check";
import { expect, it } from "vitest";
import { divergence, rowScores } from "./row-scores.js";

const row = fc.array(fc.float({ min: -40, max: 40, noNaN: true }), { minLength: 2, maxLength: 20 });
const probabilities = (logits: readonly number[]) => {
  const weights = logits.map(Math.exp); // no overflow below 709
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
};

it("gives log-probabilities and the first of the most likely ids", () => {
  fc.assert(
    fc.property(row, (values) => {
      const { logSum, best } = rowScores(Float32Array.from(values));
      const wanted = probabilities(values);
      for (const [i, value] of values.entries()) expect(Math.exp(value - logSum)).toBeCloseTo(wanted[i] as number, 10);
      expect(best).toBe(values.indexOf(Math.max(...values)));
    }),
  );
});

it("gives the divergence of the definition", () => {
  const pair = fc.integer({ min: 2, max: 20 }).chain((n) => {
    const values = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: n, maxLength: n });
    return fc.tuple(values, values);
  });
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const [p, q] = [probabilities(a), probabilities(b)];
      const wanted = p.reduce((sum, x, i) => sum + x * Math.log(x / (q[i] as number)), 0);
      const [rowA, rowB] = [Float32Array.from(a), Float32Array.from(b)];
      expect(divergence(rowA, rowScores(rowA), rowB, rowScores(rowB))).toBeCloseTo(wanted, 8);
    }),
  );
});

import { expect } from "vitest";

/** Asserts that two lists of numbers agree within a tolerance that is absolute plus relative. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  const far = Array.from(expected, (e, i) => ({ i, actual: actual[i] as number, expected: e })).filter(
    ({ actual: a, expected: e }) => !(Math.abs(a - e) <= tolerance + tolerance * Math.abs(e)),
  );
  expect(far.slice(0, 5)).toEqual([]);
}

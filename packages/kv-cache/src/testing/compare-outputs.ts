/** Largest difference that two ways of computing the same may show, absolute, for values near 1. */
export const tolerance = 1e-5;

/**
 * Compares what two runs gave for the same tokens.
 *
 * @param allowed largest difference, absolute
 * @returns one sentence at most
 */
export function compareOutputs(
  what: string,
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
  allowed = tolerance,
): string[] {
  if (actual.length !== expected.length) {
    return [`${what}: ${actual.length} outputs in place of ${expected.length}`];
  }
  let worst = 0;
  let at = -1;
  expected.forEach((want, i) => {
    const got = actual[i] as ArrayLike<number>;
    for (let j = 0; j < want.length; j++) {
      const apart = Math.abs((got[j] as number) - (want[j] as number));
      if (!(apart <= worst)) {
        worst = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
        at = i;
      }
    }
  });
  return worst <= allowed ? [] : [`${what}: differs by ${worst.toExponential(1)}, worst at output ${at}`];
}

/** Compares entries of each lane. */
export function compareLanes(what: string, actual: readonly number[], expected: readonly number[]): string[] {
  if (actual.length === expected.length && actual.every((n, i) => n === expected[i])) return [];
  return [`${what}: lanes hold [${actual}] entries in place of [${expected}]`];
}

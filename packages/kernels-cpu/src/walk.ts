/** Dimensions that a walk of the addon may have. */
const maximumRank = 8;

/**
 * The walk that was made last: `rank` sizes, then as many distances of the first operand, then of the second. Entry points
 * read it before they return, so that one array serves all.
 */
export const plan = new Int32Array(3 * maximumRank);

/**
 * Writes a walk over `sizes`, in which each operand has a distance between neighbours along each dimension, to {@link plan}.
 *
 * @returns its rank; undefined when it is larger than the addon takes
 */
export function planWalk(
  sizes: readonly number[],
  first: readonly number[],
  second: readonly number[],
): number | undefined {
  const rank = sizes.length;
  if (rank > maximumRank) return undefined;
  for (let i = 0; i < rank; i++) {
    plan[i] = sizes[i] as number;
    plan[rank + i] = first[i] as number;
    plan[2 * rank + i] = second[i] as number;
  }
  return rank;
}

/** The walk over `n` elements that lie side by side in both operands, or repeat one element where a step is 0. */
export function planRow(n: number, firstStep = 1, secondStep = 1): number {
  plan[0] = n;
  plan[1] = firstStep;
  plan[2] = secondStep;
  return 1;
}

/** The walk over `rows` rows of `n` elements side by side; the rows of each operand lie `firstStep` and `secondStep` apart. */
export function planRows(rows: number, n: number, firstStep: number, secondStep: number): number {
  plan[0] = rows;
  plan[1] = n;
  plan[2] = firstStep;
  plan[3] = 1;
  plan[4] = secondStep;
  plan[5] = 1;
  return 2;
}

/** Distances between neighbours along each dimension of a tensor. */
export function distances(shape: readonly number[]): number[] {
  const found = new Array<number>(shape.length);
  for (let i = shape.length - 1, step = 1; i >= 0; i--) {
    found[i] = step;
    step *= shape[i] as number;
  }
  return found;
}

/** Distances of a tensor that is repeated to fill `rank` dimensions, as broadcasting does: 0 along what repeats. */
export function broadcastDistances(shape: readonly number[], rank: number): number[] {
  const found = new Array<number>(rank).fill(0);
  for (let i = shape.length - 1, step = 1; i >= 0; i--) {
    const size = shape[i] as number;
    if (size !== 1) found[rank - shape.length + i] = step;
    step *= size;
  }
  return found;
}

/** Median of some repeats, and how far apart they lie. */
export interface Spread {
  readonly median: number;
  /** (largest - smallest) / median. */
  readonly spread: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const middle = (sorted.length - 1) / 2;
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
  return { median, spread: (at(sorted.length - 1) - at(0)) / median };
}

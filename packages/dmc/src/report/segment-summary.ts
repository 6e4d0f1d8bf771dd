/** One bar of a histogram of segment lengths: `from` to `to` tokens, both included. */
export interface SegmentBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** How long segments are, in tokens. */
export interface SegmentSummary {
  /** 0 without segments. */
  readonly mean: number;
  readonly max: number;
  /** Bins that double: 1, 2, 3-4, 5-8, 9-16, ... up to the longest segment. */
  readonly histogram: readonly SegmentBin[];
}

/** Summarises segment lengths (tokens merged into one entry, at least 1). */
export function summariseSegments(lengths: readonly number[]): SegmentSummary {
  const max = lengths.reduce((a, b) => Math.max(a, b), 0);
  const histogram: SegmentBin[] = [];
  for (let to = 1; to < 2 * max; to *= 2) {
    const from = Math.floor(to / 2) + 1;
    histogram.push({ from, to, count: lengths.filter((length) => length >= from && length <= to).length });
  }
  return { mean: lengths.length === 0 ? 0 : lengths.reduce((a, b) => a + b, 0) / lengths.length, max, histogram };
}

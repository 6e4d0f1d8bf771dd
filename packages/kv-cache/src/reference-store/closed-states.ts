/** States of a merging chunk that become entries. */
export interface ClosedStates {
  /** Index of each in `[lanes, tokens]`, lane-major. */
  readonly indices: readonly number[];
  /** How many each lane of the step has; at least 1. */
  readonly counts: readonly number[];
  /** Whether the lane's first token merges into what the lane already holds. */
  readonly continues: readonly boolean[];
}

/**
 * The last state of every segment of a chunk, the open one included: states before it in a segment are superseded.
 *
 * @param merge decisions `[lanes, tokens]`, above 0.5 merges
 * @param lengths real tokens of each lane
 */
export function closedStates(merge: ArrayLike<number>, tokens: number, lengths: readonly number[]): ClosedStates {
  const merges = (lane: number, t: number) => (merge[lane * tokens + t] ?? 0) > 0.5;
  const perLane = lengths.map((length, lane) =>
    Array.from({ length }, (_, t) => t)
      .filter((t) => t === length - 1 || !merges(lane, t + 1))
      .map((t) => lane * tokens + t),
  );
  return {
    indices: perLane.flat(),
    counts: perLane.map((list) => list.length),
    continues: lengths.map((_, lane) => merges(lane, 0)),
  };
}

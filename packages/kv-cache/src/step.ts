/** The new tokens of one attention call: which rows, how many tokens each, and where they stand in their text. */
export interface Step {
  /** Cache rows (sequences) that take part, in the order of the tensors' first axis. */
  readonly rows: readonly number[];
  /** Length of the token axis; shorter rows are padded at its end. */
  readonly tokens: number;
  /** Real tokens of each row, 1..tokens. */
  readonly lengths: readonly number[];
  /** Logical position of each row's first new token. */
  readonly starts: readonly number[];
}

/** int32 logical positions `[rows * tokens]` of a step; padding continues the count. */
export function stepPositions(step: Step): Int32Array {
  const positions = new Int32Array(step.rows.length * step.tokens);
  step.starts.forEach((start, row) => {
    for (let t = 0; t < step.tokens; t++) positions[row * step.tokens + t] = start + t;
  });
  return positions;
}

/** Rows of tokens for one forward and backward pass; all arrays are `[rows, length]`, row-major. */
export interface TrainingBatch {
  readonly rows: number;
  readonly length: number;
  readonly tokens: Int32Array;
  /** The token that should follow each token; negative: not scored (padding, the last token of a document). */
  readonly labels: Int32Array;
  /** Weight of each label in the loss; absent: 1 each. */
  readonly weights?: Float32Array;
  /** Number of each token's document within its row, runs of equal numbers; nothing attends or merges across documents. */
  readonly documents: Int32Array;
}

/**
 * Batches as a pure function of where training stands: the same (step, part) gives the same batch for ever, so a run
 * resumes without any saved position.
 */
export interface BatchSource {
  /**
   * @param step optimiser step, from 0
   * @param part gradient-accumulation part of the step, from 0
   */
  batch(step: number, part: number): TrainingBatch;
}

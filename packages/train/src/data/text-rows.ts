import { KvfoldError } from "@kvfold/core";
import { type BatchRow, fillRow } from "./batch-row.js";
import { seededRandom } from "./seeded-random.js";
import type { TokenStream } from "./token-stream.js";

/** Rows of text as a pure function of their number. */
export interface TextRows {
  /** @param number of the row within the run, from 0 */
  fill(number: number, row: BatchRow): void;
}

/** The part of a stream that is trained on. */
export interface TrainingPart {
  readonly stream: TokenStream;
  /** Tokens from the stream's start; none behind them is ever read. */
  readonly trained: number;
}

/**
 * Windows that begin anywhere, drawn with replacement: every token is as likely as any other (but for those at the very
 * ends), and a run of documents is read as it stands. Every second row opens with the begin token all the same: else a
 * model would meet it before texts of other kinds only (recall tasks), and answer every prompt with one of those.
 *
 * @throws KvfoldError `data-too-short` when the trained part has no whole window
 */
export function windowRows({ stream, trained }: TrainingPart, length: number, seed: number): TextRows {
  const starts = trained - length; // a window needs one token more, for its last label
  if (starts < 1) {
    throw new KvfoldError(
      "data-too-short",
      `Rows of ${length} tokens need ${length + 1} tokens of training text, but there are ${trained}. ` +
        "Give more text, hold out less, or take shorter rows.",
    );
  }
  const window = new Int32Array(length + 1);
  return {
    fill(number, row) {
      const opens = number % 2 === 1;
      if (opens) window[0] = stream.beginId;
      stream.read(Math.floor(seededRandom(seed, number).next() * starts), opens ? window.subarray(1) : window);
      fillRow(row, window, stream.beginId);
    },
  };
}

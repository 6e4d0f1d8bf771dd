import { sharedRegistry } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Sampler } from "./sampler.js";

/** How one token is drawn, in numbers: {@link SamplingOptions} with every default resolved. */
export interface TokenDraw {
  readonly temperature: number;
  /** 0: all tokens. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  /** State of the random numbers, 32 bits; a draw with a temperature takes one number. */
  readonly random: number;
  /** Tokens of the text so far, a bit each, lowest first; absent without a penalty. */
  readonly seen?: Uint32Array;
}

/**
 * Draws a token for each row where the logits are, so that they need not leave the device. A kernels package registers one
 * for its backend.
 *
 * @param logits `[rows, vocab]`
 * @returns ids `[rows]`; -1 where the logits hold NaN or plus infinity
 */
export type TokenDrawer = (logits: tf.Tensor2D, draws: readonly TokenDraw[]) => Promise<Int32Array>;

/** One row that is to get a token. */
export interface DrawingRow {
  readonly sampler: Sampler;
  /** Tokens so far, prompt first. */
  seen(): Iterable<number>;
}

/**
 * Draws on the device the token that each row's sampler would draw from the same logits, but for draws that fall on the
 * border of two tokens to rounding. @returns undefined where the current backend does not draw
 */
export async function drawOnDevice(
  logits: tf.Tensor2D,
  rows: readonly DrawingRow[],
): Promise<readonly number[] | undefined> {
  const drawer = sharedRegistry<TokenDrawer>("tokenDrawers").get(tf.getBackend());
  if (drawer === undefined) return undefined;
  const draws = rows.map((row) => row.sampler.plan(logits.shape[1], row.seen()));
  const ids = await drawer(logits, draws);
  return rows.map(({ sampler }, i) => sampler.drawn(ids[i] as number));
}

import { type Rope, rope as rotateHalves } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { BorrowedChannel } from "../policy.js";

/** Which heads lose a borrowed channel. */
export type BlankedHeads = "all" | "first-of-group";

/**
 * Blanks the borrowed channel, rotates, and blanks again: rotation writes the partner channel into the blanked one, so
 * once is not enough (dmc-spec 1.3). Without a borrowed channel it only rotates; without rope it only blanks.
 *
 * @param x `[rows, heads, tokens, headDim]`
 * @param positions int32, `rows * tokens` numbers
 * @param length tokens of the whole sequence, for dynamic scaling
 * @param group query heads a KV head, for `first-of-group`
 * @param factor what the borrowed channel is multiplied by each time; default 0, blank
 */
export function rotateAndBlank(
  x: tf.Tensor4D,
  options: {
    rope: Rope | undefined;
    positions: Int32Array;
    length: number;
    borrowed: BorrowedChannel | undefined;
    part: "queries" | "keys";
    group: number;
    factor?: number;
  },
): tf.Tensor4D {
  const { rope, borrowed } = options;
  const touches = borrowed !== undefined && (options.part === "queries" || borrowed.keys);
  const heads: BlankedHeads = options.part === "queries" && borrowed ? borrowed.queries : "all";
  const blank = (y: tf.Tensor4D) =>
    touches ? blankChannel(y, borrowed.channel, heads, options.group, options.factor) : y;
  const blanked = blank(x);
  if (rope === undefined) return blanked;
  const [rows, , tokens] = x.shape;
  const { cos, sin } = rope.angles(options.positions, { shape: [rows, tokens], length: options.length });
  return blank(rotateHalves({ x: blanked, cos, sin }, {}));
}

/** x with one channel set to 0, or multiplied by `factor`, in all heads, or in the first head of each group. */
export function blankChannel(
  x: tf.Tensor4D,
  channel: number,
  heads: BlankedHeads,
  group: number,
  factor = 0,
): tf.Tensor4D {
  const [, headCount, , headDim] = x.shape;
  const kept = new Float32Array(headCount * headDim).fill(1);
  for (let head = 0; head < headCount; head++) {
    if (heads === "all" || head % group === 0) kept[head * headDim + channel] = factor;
  }
  return tf.mul(x, tf.tensor(kept, [1, headCount, 1, headDim]));
}

import * as tf from "@tensorflow/tfjs-core";
import { shareTensor } from "./share-tensor.js";

/**
 * Packs the real tokens of each lane behind one another: `[rows, heads, tokens, ...rest]` → `[M, ...rest]`, lane-major.
 *
 * @param lengths real tokens of each row
 */
export function packLanes(x: tf.Tensor, lengths: readonly number[]): tf.Tensor {
  const [rows, heads, tokens, ...rest] = x.shape as [number, number, number, ...number[]];
  const flat = tf.reshape(x, [rows * heads * tokens, ...rest]);
  if (lengths.every((length) => length === tokens)) return flat;
  const pieces = lengths.flatMap((length, row) =>
    Array.from({ length: heads }, (_, head) => sliceRows(flat, (row * heads + head) * tokens, length)),
  );
  return tf.concat(pieces, 0);
}

/**
 * Spreads packed lanes out again: `[N, ...rest]` → `[rows, heads, slots, ...rest]`, slots = longest lane, zeros behind
 * the end of shorter ones.
 */
export function padLanes(flat: tf.Tensor, laneLengths: readonly number[], heads: number): tf.Tensor {
  const rest = flat.shape.slice(1);
  const rows = laneLengths.length / heads;
  const slots = Math.max(0, ...laneLengths);
  if (laneLengths.every((length) => length === slots)) return tf.reshape(flat, [rows, heads, slots, ...rest]);
  let start = 0;
  const pieces = laneLengths.flatMap((length) => {
    const filler = tf.zeros([slots - length, ...rest], flat.dtype);
    const piece = [sliceRows(flat, start, length), filler];
    start += length;
    return piece;
  });
  return tf.reshape(concatRows(pieces, flat), [rows, heads, slots, ...rest]);
}

/** `count` rows of axis 0 from `start`. */
export function sliceRows(x: tf.Tensor, start: number, count: number): tf.Tensor {
  return tf.slice(x, [start, ...x.shape.slice(1).map(() => 0)], [count, ...x.shape.slice(1)]);
}

/** Concatenates along axis 0; empty pieces are left out, and no piece at all gives an empty tensor shaped like `like`. */
export function concatRows(pieces: readonly tf.Tensor[], like: tf.Tensor): tf.Tensor {
  const full = pieces.filter((piece) => (piece.shape[0] as number) > 0);
  if (full.length === 0) return sliceRows(like, 0, 0);
  return full.length === 1 ? shareTensor(full[0] as tf.Tensor) : tf.concat(full, 0);
}

/**
 * Rows of axis 0 by index, ascending inside each run. Runs are copied whole (a memory copy); many short runs go through
 * one gather, whose cost is per number.
 */
export function takeRows(x: tf.Tensor, indices: Int32Array): tf.Tensor {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs[runs.length - 1];
    if (last && last[0] + last[1] === index) last[1]++;
    else runs.push([index, 1]);
  }
  if (runs.length > 64) return tf.gather(x, tf.tensor1d(indices, "int32"));
  return concatRows(
    runs.map(([start, count]) => sliceRows(x, start, count)),
    x,
  );
}

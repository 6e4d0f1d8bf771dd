import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link cacheWrite}. */
export type CacheWriteInputs = {
  /** Entries of all lanes, one lane after the other, `[N, width]` (or `[N]` for a column). */
  entries: tf.Tensor;
  /** New entries in the same lane order, `[M, width]` (or `[M]`). */
  fresh: tf.Tensor;
};

/** Attributes of {@link cacheWrite}; every list has one number a lane. */
export interface CacheWriteAttrs {
  /** Entries that each lane has now; they sum to N. */
  readonly laneLengths: readonly number[];
  /** New entries of each lane; they sum to M. */
  readonly freshCounts: readonly number[];
  /** 1: the lane's first new entry overwrites its last entry (merge); 0: all new entries are appended. */
  readonly replaceLast: readonly number[];
}

/**
 * Cache append and merge: writes the new entries of every lane behind (or over the last of) its old ones and keeps the
 * lanes packed. Entries are never reordered.
 *
 * @returns `[N + M - replaced, width]`
 */
export const cacheWrite = defineKernel<CacheWriteInputs, CacheWriteAttrs, tf.Tensor>({
  name: "KvfoldCacheWrite",
  differentiable: ["entries", "fresh"],
  reference: ({ entries, fresh }, attrs) =>
    tf.tidy(() => {
      const { laneLengths, freshCounts, replaceLast } = attrs;
      const rest = entries.shape.slice(1);
      if (lanesAreAlike(attrs)) return writeAlike(entries, fresh, attrs);
      const part = (x: tf.Tensor, start: number, count: number) =>
        tf.slice(x, [start, ...rest.map(() => 0)], [count, ...rest]);
      const pieces: tf.Tensor[] = [];
      let oldStart = 0;
      let freshStart = 0;
      laneLengths.forEach((length, lane) => {
        const count = freshCounts[lane] ?? 0;
        const kept = length - (replaceLast[lane] ?? 0);
        if (kept > 0) pieces.push(part(entries, oldStart, kept));
        if (count > 0) pieces.push(part(fresh, freshStart, count));
        oldStart += length;
        freshStart += count;
      });
      return pieces.length === 0 ? part(entries, 0, 0) : tf.concat(pieces, 0);
    }),
});

/** True when every lane has as many old and new entries as the first, and keeps some of the old. */
function lanesAreAlike({ laneLengths, freshCounts, replaceLast }: CacheWriteAttrs): boolean {
  const alike = (numbers: readonly number[]) => numbers.every((n) => n === numbers[0]);
  const keeps = (laneLengths[0] ?? 0) > (replaceLast[0] ?? 0) && (freshCounts[0] ?? 0) > 0;
  return keeps && alike(laneLengths) && alike(freshCounts) && alike(replaceLast);
}

/** One concatenation for all lanes: what every policy but DMC does in every step. */
function writeAlike(entries: tf.Tensor, fresh: tf.Tensor, attrs: CacheWriteAttrs): tf.Tensor {
  const lanes = attrs.laneLengths.length;
  const rest = entries.shape.slice(1);
  const kept = (attrs.laneLengths[0] ?? 0) - (attrs.replaceLast[0] ?? 0);
  const count = attrs.freshCounts[0] ?? 0;
  const old = tf.reshape(entries, [lanes, -1, ...rest]);
  const whole = attrs.replaceLast[0] ? tf.slice(old, [0, 0], [lanes, kept]) : old;
  const both = tf.concat([whole, tf.reshape(fresh, [lanes, count, ...rest])], 1);
  return tf.reshape(both, [lanes * (kept + count), ...rest]);
}

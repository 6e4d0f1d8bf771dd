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
  reference: ({ entries, fresh }, { laneLengths, freshCounts, replaceLast }) =>
    tf.tidy(() => {
      const rest = entries.shape.slice(1);
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

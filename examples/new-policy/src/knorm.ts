import { type CachePolicy, uniformPolicy } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";

/** Options of {@link knorm}. */
export interface KnormOptions {
  /** Entries of each KV head. Default 256. */
  readonly budget?: number;
}

/**
 * Keeps the entries with the smallest key norms: keys with a small L2 norm tend to receive the most attention (Devoto et
 * al. 2024, arXiv:2406.11430). The tokens of one call are trimmed together, so chunks of a prompt matter.
 */
export function knorm(options: KnormOptions = {}): CachePolicy {
  const budget = options.budget ?? 256;
  return uniformPolicy(
    `knorm:budget=${budget}`,
    {
      traits: { rotation: "at-write", columns: ["position"], lossless: false, chunking: "defines" },
      decide: () => ({ op: "append" }),
      evictAfter: (context) => ({
        op: "drop-lowest",
        scores: tf.neg(tf.norm(context.keys(), 2, -1)) as tf.Tensor3D,
        keep: budget,
      }),
    },
    (tokens, { kvHeads }) => ({ entries: Math.min(tokens, budget) * kvHeads, columns: 1, stateBytes: 0 }),
  );
}

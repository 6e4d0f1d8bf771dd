import * as tf from "@tensorflow/tfjs-core";
import type { CachePolicy, LayerPolicy } from "../policy.js";
import { checkCount } from "../spec/check-count.js";
import { uniformPolicy } from "./uniform-policy.js";

/** Options of {@link tova}. */
export interface TovaOptions {
  /** Entries a lane. Default 256. */
  readonly budget?: number;
}

/**
 * Token omission via attention (Oren et al. 2024, arXiv:2401.06104): after each step the entry to which the newest query
 * attends least leaves, the newest not excepted; all KV heads of a layer keep the same tokens. The tokens of one call
 * see each other in full and are trimmed together, so chunks of a prompt matter.
 *
 * @throws KvfoldError `policy-options` for a budget that is no positive whole number
 */
export function tova(options: TovaOptions = {}): CachePolicy {
  const budget = options.budget ?? 256;
  checkCount("tova", "budget", budget, 1);
  const layerPolicy: LayerPolicy = {
    traits: {
      rotation: "at-write",
      columns: ["position", "mass"],
      massQueries: 1,
      lossless: false,
      chunking: "defines",
    },
    decide: () => ({ op: "append" }),
    observe: (seen) => ({
      // the mean over all query heads of the layer is the mean of the groups' means
      mass: tf.tile(tf.mean(seen.mass as tf.Tensor3D, 1, true), [1, seen.shape.kvHeads, 1]) as tf.Tensor3D,
    }),
    evictAfter: (context) => ({ op: "drop-lowest", scores: context.column("mass"), keep: budget }),
  };
  return uniformPolicy(`tova:budget=${budget}`, layerPolicy, (tokens, shape) => ({
    entries: Math.min(tokens, budget) * shape.kvHeads,
    columns: 2,
    stateBytes: 0,
  }));
}

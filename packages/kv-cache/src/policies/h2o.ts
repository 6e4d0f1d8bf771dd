import { KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { CachePolicy, EvictContext, LayerPolicy } from "../policy.js";
import { checkCount } from "../spec/check-count.js";
import { uniformPolicy } from "./uniform-policy.js";

/** Options of {@link h2o}. */
export interface H2oOptions {
  /** Entries a lane; split into equal halves, `heavy` the larger. Default 256. */
  readonly budget?: number;
  /** Entries kept for their attention mass. Default: half of the budget. */
  readonly heavy?: number;
  /** Newest entries, always kept. Default: the other half. */
  readonly recent?: number;
}

/**
 * Heavy-hitter oracle (Zhang et al. 2023, arXiv:2306.14048): each lane keeps its newest entries and, of the older ones,
 * those that have received the most attention so far. The mass is averaged over the query heads of a KV head. The
 * tokens of one call see each other in full and are trimmed together, so chunks of a prompt matter.
 *
 * @throws KvfoldError `policy-options` for sizes that are no whole numbers, or that do not add up
 */
export function h2o(options: H2oOptions = {}): CachePolicy {
  const { heavy, recent } = resolveH2oOptions(options);
  const keep = heavy + recent;
  const layerPolicy: LayerPolicy = {
    traits: {
      rotation: "at-write",
      columns: ["position", "mass"],
      massQueries: Number.POSITIVE_INFINITY,
      lossless: false,
      chunking: "defines",
    },
    decide: () => ({ op: "append" }),
    observe: (seen) => ({ mass: tf.add(seen.column("mass"), seen.mass as tf.Tensor3D) as tf.Tensor3D }),
    evictAfter: (context) => ({
      op: "drop-lowest",
      scores: protectNewest(context, context.column("mass"), recent),
      keep,
    }),
  };
  const name = heavy === Math.ceil(keep / 2) ? `h2o:budget=${keep}` : `h2o:heavy=${heavy},recent=${recent}`;
  return uniformPolicy(name, layerPolicy, (tokens, shape) => ({
    entries: Math.min(tokens, keep) * shape.kvHeads,
    columns: 2,
    stateBytes: 0,
  }));
}

function resolveH2oOptions(options: H2oOptions): { heavy: number; recent: number } {
  const given = Object.entries({ budget: 1, heavy: 0, recent: 0 }) as [keyof H2oOptions, number][];
  for (const [name, least] of given) {
    const value = options[name];
    if (value !== undefined) checkCount("h2o", name, value, least);
  }
  const both = options.heavy !== undefined && options.recent !== undefined;
  const budget = options.budget ?? (both ? (options.heavy ?? 0) + (options.recent ?? 0) : 256);
  const recent = options.recent ?? budget - (options.heavy ?? Math.ceil(budget / 2));
  const heavy = options.heavy ?? budget - recent;
  checkCount("h2o", "heavy + recent", heavy + recent, 1);
  if (heavy < 0 || recent < 0 || heavy + recent !== budget) {
    const stated = Object.entries(options).map(([name, value]) => `${name}=${value}`);
    throw new KvfoldError(
      "policy-options",
      `Policy 'h2o': heavy + recent must make up the budget (${budget} entries); got ${stated.join(", ")}. State two of the three.`,
    );
  }
  return { heavy, recent };
}

/** Scores with those of the newest `recent` tokens raised above all others. */
function protectNewest(context: EvictContext, scores: tf.Tensor3D, recent: number): tf.Tensor3D {
  const position = context.column("position");
  // the newest position from the entries themselves: a host number would be frozen into a recorded step
  const isNew = tf.greater(position, tf.sub(tf.max(position, [1, 2], true), tf.scalar(recent, "int32")));
  return tf.where(isNew, tf.fill(scores.shape, 3e38), scores) as tf.Tensor3D;
}

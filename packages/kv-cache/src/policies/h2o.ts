import * as tf from "@tensorflow/tfjs-core";
import type { CachePolicy, EvictContext, LayerPolicy } from "../policy.js";
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
 */
export function h2o(options: H2oOptions = {}): CachePolicy {
  const budget = options.budget ?? 256;
  const recent = options.recent ?? budget - (options.heavy ?? Math.ceil(budget / 2));
  const heavy = options.heavy ?? budget - recent;
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

/** Scores with those of the newest `recent` tokens raised above all others. */
export function protectNewest(context: EvictContext, scores: tf.Tensor3D, recent: number): tf.Tensor3D {
  const ends = context.step.starts.map((start, row) => start + (context.step.lengths[row] ?? 0) - recent);
  const firstProtected = tf.tensor(ends, [ends.length, 1, 1], "int32");
  const isNew = tf.greaterEqual(context.column("position"), firstProtected);
  return tf.where(isNew, tf.fill(scores.shape, 3e38), scores) as tf.Tensor3D;
}

import * as tf from "@tensorflow/tfjs-core";
import { full } from "../policies/full.js";
import { uniformPolicy } from "../policies/uniform-policy.js";
import type { CachePolicy, LayerPolicy, NewTokens, PolicyTraits } from "../policy.js";
import type { PolicyRow } from "./describe-policy.js";

/** Later than any position. */
const forEver = 0x7fffffff;
const traits: PolicyTraits = { rotation: "at-write", columns: ["position"], lossless: false, chunking: "exact" };
const make = (name: string, layer: LayerPolicy): CachePolicy =>
  uniformPolicy(name, layer, (tokens, { kvHeads }) => ({
    entries: tokens * kvHeads,
    columns: layer.traits.columns.length,
    stateBytes: 0,
  }));

/** int32 `[rows, kvHeads, tokens]`: positions of the new tokens in each lane. */
const lanePositions = ({ k, positions }: NewTokens) =>
  tf.tile(tf.expandDims(positions(), 1), [1, k.shape[1], 1]) as tf.Tensor3D;

/** Channel 0 of k against an edge: the decision of the policies below, with its margin. */
const edge = 0.3;
const channel = ({ k }: NewTokens) => tf.squeeze(tf.slice(k, [0, 0, 0, 0], [-1, -1, -1, 1]), [3]) as tf.Tensor3D;
const margin = (tokens: NewTokens) =>
  channel(tokens)
    .dataSync<"float32">()
    .reduce((nearest, x) => Math.min(nearest, Math.abs(x - edge)), Number.POSITIVE_INFINITY);

/** DMS: the decision taken at token j + 1 makes token j disappear `delay` tokens later. */
function delayedEviction(delay: number): CachePolicy {
  return make("delayed eviction", {
    traits: { ...traits, columns: ["position", "until"] },
    decide: (tokens) => {
      const [rows, heads, count] = tokens.k.shape;
      const leaves = tf.greater(channel(tokens), edge);
      // of the token before each new one
      const end = tf.where(
        leaves,
        tf.add(lanePositions(tokens), tf.scalar(delay, "int32")),
        tf.fill(leaves.shape, forEver, "int32"),
      );
      const previousUntil = tf.squeeze(tf.slice(end, [0, 0, 0], [-1, -1, 1]), [2]);
      const open = tf.fill([rows, heads, 1], forEver, "int32");
      const until = tf.concat([tf.slice(end, [0, 0, 1], [-1, -1, count - 1]), open], 2) as tf.Tensor3D;
      return { op: "append", until, previousUntil };
    },
    evictAfter: (context) => {
      const next = tf.add(tf.max(context.column("position"), [1, 2], true), tf.scalar(1, "int32"));
      return { op: "drop-below", scores: tf.sub(context.column("until"), next) as tf.Tensor3D, threshold: 1 };
    },
  });
}

/** Constant memory: token t takes the slot t mod n. */
function ring(slots: number): CachePolicy {
  return make(`ring of ${slots}`, {
    traits,
    decide: (tokens) => ({
      op: "overwrite",
      slot: tf.mod(lanePositions(tokens), tf.scalar(slots, "int32")) as tf.Tensor3D,
    }),
  });
}

/** Keys kept before rotation, as pre-RoPE quantisation needs them. */
function unrotated(): CachePolicy {
  return make("un-rotated keys", {
    ...full().forLayer({ layer: 0, layers: 1, queryHeads: 1, kvHeads: 1, headDim: 2 }),
    traits: { ...traits, rotation: "at-read", lossless: true },
  });
}

/** Merges, keeping the averages before rotation. */
function unrotatedMerging(mergeWindow: number | null): CachePolicy {
  return make("un-rotated merging", {
    traits: { ...traits, rotation: "at-read", mergeWindow },
    decide: (tokens) => ({
      op: "merge",
      merge: tf.cast(tf.greater(channel(tokens), edge), "float32"),
      omega: tf.add(tf.sigmoid(channel(tokens)), 0.1),
    }),
  });
}

/** Ada-KV: the heads of a row share a budget, by attention mass. */
function sharedByHeads(keep: number): CachePolicy {
  return make("budget shared by heads", {
    traits: {
      ...traits,
      columns: ["position", "mass"],
      massQueries: Number.POSITIVE_INFINITY,
      chunking: "defines",
    },
    decide: () => ({ op: "append" }),
    observe: (seen) => ({ mass: tf.add(seen.column("mass"), seen.mass as tf.Tensor3D) as tf.Tensor3D }),
    evictAfter: (context) => {
      const position = context.column("position");
      // the newest entry of each lane stays
      const newest = tf.equal(position, tf.max(position, 2, true));
      const mass = context.column("mass");
      const scores = tf.where(newest, tf.fill(mass.shape, 1e9), mass) as tf.Tensor3D;
      return { op: "drop-lowest", scores, keep: context.step.rows.map(() => keep), scope: "row" };
    },
  });
}

/** A coordinator that trims every layer once all have attended: by key norms, upper layers harder. */
function sharedByLayers(): CachePolicy {
  return {
    ...make("budget shared by layers", {
      traits: { ...traits, chunking: "defines" },
      decide: () => ({ op: "append" }),
    }),
    coordinate: (contexts) =>
      contexts.map((context) => ({
        op: "drop-lowest",
        scores: tf.neg(tf.norm(context.keys(), 2, -1)) as tf.Tensor3D,
        keep: 6 - context.shape.layer,
      })),
  };
}

/**
 * Policies that use what no policy of this package uses: every op of the interface keeps the laws, so a store that passes
 * them can carry policies that are not written yet.
 */
export const storeOpRows: readonly PolicyRow[] = [
  { policy: () => delayedEviction(3), allAppend: () => delayedEviction(1000), margin },
  { policy: () => ring(5), budget: 5, allAppend: () => ring(1000) },
  { policy: unrotated, allAppend: unrotated },
  { policy: () => unrotatedMerging(3), margin },
  { policy: () => unrotatedMerging(null), name: "un-rotated merging, no window", margin },
  { policy: () => sharedByHeads(4) },
  { policy: sharedByLayers, budget: 6 },
];

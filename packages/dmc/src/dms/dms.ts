import {
  type CachePolicy,
  type EvictContext,
  full,
  type LayerPolicy,
  type LayerShape,
  type NewTokens,
  type Step,
  stepTensor,
  type WriteOp,
} from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { decisionChannel } from "../decide.js";
import { forcedEntries, forcedMerge, layerDensities } from "../forced-decisions.js";
import { hard } from "../relaxations/hard.js";
import { type DmsOptions, dmsName, type ResolvedDmsOptions, refuse, resolveDmsOptions } from "./dms-options.js";
import { dmsTrainingForm } from "./dms-training-form.js";
import { adapterLogits, adapterOf, type EvictionAdapter } from "./eviction-adapter.js";
import { evictionLogits } from "./eviction-logits.js";

/** Later than any position. */
const forEver = 0x7fffffff;

/**
 * Dynamic Memory Sparsification (Łańcucki et al. 2025, arXiv:2506.05345): every token decides, in each KV head, whether the
 * token before it is evicted. An evicted token stays visible for `delay` more tokens, in which later ones can take over
 * what it held, then its entry is freed. Entries keep their logical positions. Decisions come from a neuron of the first
 * query head of each group that the model gave away when it was retrofitted; keys and the other queries keep all channels.
 * With `decisions: "adapter"` they come from weights of the policy's own, and no channel is lost.
 *
 * @param adapters one for each layer of the model, used with `decisions: "adapter"`; the caller owns and disposes them
 * @throws KvfoldError `dms-options` for options out of range, or when adapters are to decide and none are given
 */
export function dms(options: DmsOptions = {}, adapters?: readonly EvictionAdapter[]): CachePolicy {
  const resolved = resolveDmsOptions(options);
  if (resolved.decisions === "adapter" && adapters === undefined && resolved.force === undefined) {
    refuse(
      "dms with decisions=adapter needs the weights of a model that was trained with adapters; this one has none.",
    );
  }
  const name = dmsName(resolved);
  return {
    name,
    ...(resolved.force === undefined ? {} : { note: forcedNote(name) }),
    forLayer: (shape) => (evicts(resolved, shape) ? layerPolicy(resolved, shape, adapters) : full().forLayer(shape)),
    estimate: (tokens, shape) =>
      evicts(resolved, shape)
        ? { entries: estimateEntries(tokens, shape, resolved), columns: 2, stateBytes: 0 }
        : full().estimate(tokens, shape),
  };
}

/** Whether a layer is one of those that evict. */
export function evicts({ layers }: ResolvedDmsOptions, { layer }: Pick<LayerShape, "layer">): boolean {
  return layers?.includes(layer) ?? true;
}

function forcedNote(name: string): string {
  return `${name} forces its decisions for speed runs: bytes and times count, the text is meaningless.`;
}

function layerPolicy(
  options: ResolvedDmsOptions,
  shape: LayerShape,
  adapters: readonly EvictionAdapter[] | undefined,
): LayerPolicy {
  const shared: Omit<LayerPolicy, "decide"> = {
    traits: {
      rotation: "at-write",
      columns: ["position", "until"],
      ...(options.decisions === "neuron" && {
        borrowed: { channel: decisionChannel(options.neuron, shape.headDim), queries: "first-of-group", keys: false },
      }),
      lossless: false,
      chunking: "exact",
    },
    evictAfter: dropExpired,
  };
  if (options.force === undefined) {
    const adapter = adapterOf(options, adapters, shape);
    const logits = ({ q, input }: NewTokens) =>
      adapter ? adapterLogits(input, adapter, options) : evictionLogits(q, shape.kvHeads, options);
    return {
      ...shared,
      decide: (tokens) => append(tokens, tf.greater(logits(tokens), 0), options),
      training: dmsTrainingForm(options, shape, hard(), adapter),
    };
  }
  const densities = layerDensities(options.force, shape, options.layers);
  return {
    ...shared,
    decide: (tokens) => append(tokens, tf.greater(forcedMerge(densities, tokens.step), 0), options),
  };
}

/**
 * One entry a token, of which all but the newest already know when they leave.
 *
 * @param evict whether each new token evicts the one before it, `[rows, kvHeads, tokens]`
 */
function append({ step, positions }: NewTokens, evict: tf.Tensor, { delay }: ResolvedDmsOptions): WriteOp {
  const [rows, kvHeads, tokens] = evict.shape as [number, number, number];
  // the last query position that sees the token before this one is delay behind that token
  const leaves = tf.add(tf.expandDims(positions(), 1), tf.scalar(delay, "int32"));
  const ends = tf.where(evict, leaves, tf.fill([1, 1, 1], forEver, "int32")) as tf.Tensor3D;
  const previousUntil = tf.reshape(tf.slice(ends, [0, 0, 0], [-1, -1, 1]), [rows, kvHeads]);
  if (tokens === 1) return { op: "append", previousUntil };
  const open = tf.fill([rows, kvHeads, 1], forEver, "int32");
  const until = tf.concat([tf.slice(ends, [0, 0, 1], [-1, -1, tokens - 1]), open], 2) as tf.Tensor3D;
  return { op: "append", until: keptOpen(step, until), previousUntil };
}

/** The last token of a row that is shorter than its step is open, too: what follows it is padding and decides nothing. */
function keptOpen({ lengths, tokens }: Step, until: tf.Tensor3D): tf.Tensor3D {
  if (lengths.every((length) => length === tokens)) return until;
  const decided = lengths.flatMap((length) => Array.from({ length: tokens }, (_, t) => (t + 1 < length ? 1 : 0)));
  const mask = tf.tensor3d(decided, [lengths.length, 1, tokens], "bool");
  return tf.where(mask, until, tf.fill([1, 1, 1], forEver, "int32"));
}

/** Frees what no later query sees. */
function dropExpired({ step, column }: EvictContext) {
  const next = stepTensor<tf.Tensor3D>(step, [step.rows.length, 1, 1], "int32", ({ starts, lengths }) =>
    Int32Array.from(starts, (start, row) => start + (lengths[row] as number)),
  );
  return { op: "drop-below", scores: tf.sub(column("until"), next) as tf.Tensor3D, threshold: 1 } as const;
}

function estimateEntries(tokens: number, shape: LayerShape, options: ResolvedDmsOptions): number {
  const { force, delay, targetRatio, layers } = options;
  // tokens whose fate is known and whose delay is over, and the first, which evicts nothing
  const settled = Math.max(0, tokens + 1 - Math.max(1, delay));
  const densities =
    force === undefined ? new Float64Array(shape.kvHeads).fill(1 / targetRatio) : layerDensities(force, shape, layers);
  return densities.reduce((sum, density) => sum + tokens - settled + forcedEntries(density, settled), 0);
}

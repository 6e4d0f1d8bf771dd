import { type CachePolicy, full, type LayerPolicy, type LayerShape } from "@kvfold/kv-cache";
import { decide, decisionChannel } from "./decide.js";
import { type DmcOptions, dmcName, type ResolvedDmcOptions, resolveDmcOptions } from "./dmc-options.js";
import { dmcTrainingForm } from "./dmc-training-form.js";
import { forcedEntries, forcedMerge, layerDensities } from "./forced-decisions.js";
import { hard } from "./relaxations/hard.js";

/**
 * Dynamic Memory Compression (Nawrot et al. 2024, arXiv:2403.09636): for every new token each KV head either appends the
 * token's key and value or merges them into its last entry by a weighted average. Keys merge before rotation; the merged
 * key is rotated with the position of its newest token. Decisions come from a neuron of the key that the model gave away
 * when it was retrofitted; on a model that was not, almost everything appends at the default threshold.
 *
 * @throws KvfoldError `dmc-options` for options out of range
 */
export function dmc(options: DmcOptions = {}): CachePolicy {
  const resolved = resolveDmcOptions(options);
  const name = dmcName(resolved);
  return {
    name,
    ...(resolved.force === undefined ? {} : { note: forcedNote(name) }),
    forLayer: (shape) => (folds(resolved, shape) ? layerPolicy(resolved, shape) : full().forLayer(shape)),
    estimate: (tokens, shape) =>
      folds(resolved, shape)
        ? {
            entries: estimateEntries(tokens, shape, resolved),
            columns: 1,
            stateBytes: mergeStateBytes(resolved.window, shape),
          }
        : full().estimate(tokens, shape),
  };
}

/** Whether a layer is one of those that fold. */
export function folds({ layers }: ResolvedDmcOptions, { layer }: Pick<LayerShape, "layer">): boolean {
  return layers?.includes(layer) ?? true;
}

/** Bytes of running averages that a row keeps in one layer: (window or 1) x (2 headDim + 1) + 1 numbers a KV head. */
export function mergeStateBytes(window: number | null, shape: Pick<LayerShape, "kvHeads" | "headDim">): number {
  return shape.kvHeads * ((window ?? 1) * (2 * shape.headDim + 1) + 1) * 4;
}

function forcedNote(name: string): string {
  return `${name} forces its decisions for speed runs: bytes and times count, the text is meaningless.`;
}

function layerPolicy(options: ResolvedDmcOptions, shape: LayerShape): LayerPolicy {
  const traits: LayerPolicy["traits"] = {
    rotation: "at-write",
    columns: ["position"],
    mergeWindow: options.window,
    borrowed: { channel: decisionChannel(options.neuron, shape.headDim), queries: "all", keys: true },
    lossless: false,
    chunking: "exact",
  };
  if (options.force === undefined) {
    return {
      traits,
      decide: ({ q, k }) => ({ op: "merge", ...decide(q, k, options) }),
      training: dmcTrainingForm(options, shape, hard(options.threshold)),
    };
  }
  const densities = layerDensities(options.force, shape, options.layers);
  return {
    traits,
    decide: ({ q, k, step }) => ({
      op: "merge",
      merge: forcedMerge(densities, step),
      omega: decide(q, k, options).omega,
    }),
  };
}

function estimateEntries(tokens: number, shape: LayerShape, options: ResolvedDmcOptions): number {
  if (options.force === undefined) return shape.kvHeads * Math.ceil(tokens / options.targetRatio);
  const densities = layerDensities(options.force, shape, options.layers);
  return densities.reduce((sum, density) => sum + forcedEntries(density, tokens), 0);
}

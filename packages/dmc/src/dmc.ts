import { KvfoldError } from "@kvfold/core";
import type { CachePolicy, LayerPolicy, LayerShape } from "@kvfold/kv-cache";
import { decide, decisionChannel } from "./decide.js";
import { type DmcOptions, type ResolvedDmcOptions, resolveDmcOptions } from "./dmc-options.js";

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
  check(resolved);
  return {
    name: dmcName(resolved),
    forLayer: (shape) => layerPolicy(resolved, shape),
    estimate: (tokens, shape) => ({
      entries: tokens * shape.kvHeads,
      columns: 1,
      stateBytes: mergeStateBytes(resolved.window, shape),
    }),
  };
}

/** Bytes of running averages that a row keeps in one layer: (window or 1) x (2 headDim + 1) + 1 numbers a KV head. */
export function mergeStateBytes(window: number | null, shape: Pick<LayerShape, "kvHeads" | "headDim">): number {
  return shape.kvHeads * ((window ?? 1) * (2 * shape.headDim + 1) + 1) * 4;
}

function layerPolicy(options: ResolvedDmcOptions, shape: LayerShape): LayerPolicy {
  return {
    traits: {
      rotation: "at-write",
      columns: ["position"],
      mergeWindow: options.window,
      borrowed: { channel: decisionChannel(options.neuron, shape.headDim), queries: "all", keys: true },
      lossless: false,
      chunking: "exact",
    },
    decide: ({ q, k }) => ({ op: "merge", ...decide(q, k, options) }),
  };
}

function dmcName(options: ResolvedDmcOptions): string {
  const defaults = resolveDmcOptions({});
  const parts = (Object.keys(defaults) as (keyof ResolvedDmcOptions)[])
    .filter((key) => options[key] !== defaults[key])
    .map((key) => `${key}=${options[key] ?? "none"}`);
  return parts.length === 0 ? "dmc" : `dmc:${parts.join(",")}`;
}

function check({ offset, epsilon, window, threshold }: ResolvedDmcOptions): void {
  const refuse = (message: string): never => {
    throw new KvfoldError("dmc-options", message);
  };
  if (!Number.isFinite(offset)) refuse(`dmc offset must be a number; got ${offset}.`);
  if (!(epsilon >= 0 && epsilon < 1)) refuse(`dmc epsilon must lie in 0..1; got ${epsilon}.`);
  if (window !== null && !(Number.isInteger(window) && window >= 1)) {
    refuse(`dmc window must be a positive integer, or none for whole segments; got ${window}.`);
  }
  if (!(threshold > 0 && threshold < 1)) refuse(`dmc threshold must lie between 0 and 1; got ${threshold}.`);
}

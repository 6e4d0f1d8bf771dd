import { KvfoldError } from "@kvfold/core";
import type { CachePolicy, LayerShape } from "../policy.js";

/** Layers `first` to `last`, both included, and their policy. */
export interface LayerRange {
  readonly first: number;
  /** Infinity: up to the last layer. */
  readonly last: number;
  readonly policy: CachePolicy;
}

/**
 * One policy for each range of layers; the first range that holds a layer counts.
 *
 * @throws KvfoldError `policy-options` when there are no ranges, or one that is no range of layers
 * @throws KvfoldError `per-layer-gap` when a cache is made for a layer that no range holds
 */
export function perLayer(ranges: readonly LayerRange[]): CachePolicy {
  const isLayer = (n: number) => Number.isInteger(n) && n >= 0;
  const bad = ranges.find(
    ({ first, last }) => !isLayer(first) || !(isLayer(last) || last === Number.POSITIVE_INFINITY) || last < first,
  );
  if (bad || ranges.length === 0) {
    const got = bad ? `${bad.first} to ${bad.last}` : "none";
    throw new KvfoldError(
      "policy-options",
      `Policy 'perLayer' needs ranges of layers, counted from 0, whose last is not below the first; got ${got}.`,
    );
  }
  const policyOf = (shape: LayerShape): CachePolicy => {
    const range = ranges.find((r) => shape.layer >= r.first && shape.layer <= r.last);
    if (range) return range.policy;
    const name = perLayerName(ranges);
    throw new KvfoldError(
      "per-layer-gap",
      `${name} has no policy for layer ${shape.layer} of ${shape.layers}; add a last range '*=full' for the rest.`,
    );
  };
  const notes = [...new Set(ranges.flatMap(({ policy }) => policy.note ?? []))];
  return {
    name: perLayerName(ranges),
    ...(notes.length === 0 ? {} : { note: notes.join(" ") }),
    forLayer: (shape) => policyOf(shape).forLayer(shape),
    estimate: (tokens, shape) => policyOf(shape).estimate(tokens, shape),
  };
}

function perLayerName(ranges: readonly LayerRange[]): string {
  const label = ({ first, last }: LayerRange) => {
    if (first === 0 && last === Number.POSITIVE_INFINITY) return "*";
    return first === last ? `${first}` : `${first}-${last === Number.POSITIVE_INFINITY ? "" : last}`;
  };
  return `perLayer(${ranges.map((range) => `${label(range)}=${range.policy.name}`).join(";")})`;
}

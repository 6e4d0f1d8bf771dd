import type { CacheEstimate, CachePolicy, LayerPolicy, LayerShape } from "../policy.js";

/** A policy that does the same in every layer. */
export function uniformPolicy(
  name: string,
  layerPolicy: LayerPolicy,
  estimate: (tokens: number, shape: LayerShape) => CacheEstimate,
): CachePolicy {
  return { name, forLayer: () => layerPolicy, estimate };
}

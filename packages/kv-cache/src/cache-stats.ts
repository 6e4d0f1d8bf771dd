import type { LayerStats } from "./layer-cache.js";

/** What a cache holds, and what a full one would. */
export interface CacheStats {
  /** Logical tokens, summed over rows. */
  readonly tokens: number;
  /** Stored entries, summed over rows, layers and KV heads. */
  readonly entries: number;
  /** tokens x layers x KV heads / entries; 1 for an empty cache. */
  readonly compressionRatio: number;
  /** logicalBytes / liveBytes, state and columns counted; 1 for an empty cache. */
  readonly byteRatio: number;
  /** Bytes that the allocator holds, checkpoints too. */
  readonly liveBytes: number;
  /** Bytes of a full float32 cache of the same tokens. */
  readonly logicalBytes: number;
  /** Most entries ever held at once, inside a step too: the sum of the layers' peaks. */
  readonly peakEntries: number;
  readonly layers: readonly LayerStats[];
}

/** Sums up the layers' figures. */
export function cacheStats(layers: readonly LayerStats[], liveBytes: number): CacheStats {
  const sum = (pick: (layer: LayerStats) => number) => layers.reduce((total, layer) => total + pick(layer), 0);
  const entries = sum((layer) => layer.entries.flat().reduce((a, b) => a + b, 0));
  const heads = layers[0]?.entries[0]?.length ?? 0;
  const tokens = (layers[0]?.tokens ?? []).reduce((a, b) => a + b, 0);
  const logicalBytes = sum((layer) => layer.logicalBytes);
  return {
    tokens,
    entries,
    compressionRatio: entries === 0 ? 1 : (tokens * layers.length * heads) / entries,
    byteRatio: tokens === 0 || liveBytes === 0 ? 1 : logicalBytes / liveBytes,
    liveBytes,
    logicalBytes,
    peakEntries: sum((layer) => layer.peakEntries),
    layers,
  };
}

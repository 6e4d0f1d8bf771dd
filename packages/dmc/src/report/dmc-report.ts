import type { CacheStats, LayerStats } from "@kvfold/kv-cache";
import { type SegmentSummary, summariseSegments } from "./segment-summary.js";

/** What folding did to some lanes, all rows of the cache together. */
export interface FoldFigures {
  /** Logical tokens, summed over the lanes. */
  readonly tokens: number;
  /** Stored entries. */
  readonly entries: number;
  /** tokens / entries; 1 when empty. */
  readonly compressionRatio: number;
  /** Bytes held: entries and their columns, and the lanes' share of rings and counts. */
  readonly liveBytes: number;
  /** Bytes of a full float32 cache of the same tokens / `liveBytes`; 1 when empty. */
  readonly byteRatio: number;
  /** Lengths of segments: tokens merged into each entry. Undefined for layers that do not fold. */
  readonly segments: SegmentSummary | undefined;
}

/** Figures of one layer and of each of its KV heads. */
export interface LayerReport extends FoldFigures {
  readonly layer: number;
  readonly heads: readonly FoldFigures[];
}

/** Figures of a whole cache. */
export interface DmcReport extends FoldFigures {
  readonly layers: readonly LayerReport[];
}

/**
 * Tokens, entries, ratios and segment lengths of a cache, in total, per layer and per KV head. State that does not grow
 * with entries (rings, counts) is counted and shared equally between lanes, so short texts can show byte ratios below 1.
 */
export function dmcReport(stats: CacheStats): DmcReport {
  const layers = stats.layers.map(layerReport);
  const total = figures(
    layers.reduce((sum, layer) => sum + layer.tokens, 0),
    layers.reduce((sum, layer) => sum + layer.entries, 0),
    layers.reduce((sum, layer) => sum + layer.liveBytes, 0),
    stats.logicalBytes,
    stats.layers.some((layer) => layer.segments)
      ? stats.layers.flatMap((layer) => layer.segments ?? []).flat()
      : undefined,
  );
  return { ...total, layers };
}

function layerReport(stats: LayerStats): LayerReport {
  const heads = stats.entries[0]?.length ?? 0;
  const rowTokens = stats.tokens.reduce((a, b) => a + b, 0);
  const entries = (head: number) => stats.entries.reduce((sum, row) => sum + (row[head] ?? 0), 0);
  const allEntries = stats.entries.flat().reduce((a, b) => a + b, 0);
  const entryBytes = allEntries === 0 ? 0 : (stats.liveBytes - stats.stateBytes) / allEntries;
  const headReports = Array.from({ length: heads }, (_, head) =>
    figures(
      rowTokens,
      entries(head),
      entries(head) * entryBytes + stats.stateBytes / heads,
      stats.logicalBytes / heads,
      stats.segments?.map((row) => row[head] ?? []),
    ),
  );
  return {
    ...figures(rowTokens * heads, allEntries, stats.liveBytes, stats.logicalBytes, stats.segments?.flat()),
    layer: stats.layer,
    heads: headReports,
  };
}

function figures(
  tokens: number,
  entries: number,
  liveBytes: number,
  logicalBytes: number,
  segments: readonly (readonly number[])[] | undefined,
): FoldFigures {
  return {
    tokens,
    entries,
    compressionRatio: entries === 0 ? 1 : tokens / entries,
    liveBytes,
    byteRatio: tokens === 0 || liveBytes === 0 ? 1 : logicalBytes / liveBytes,
    segments: segments && summariseSegments(segments.flat()),
  };
}

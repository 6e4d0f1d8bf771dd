import { KvfoldError } from "@kvfold/core";
import type { CachePolicy, DropOp, EvictContext, LayerPolicy, PolicyTraits } from "../policy.js";
import { checkChoice, checkCount } from "../spec/check-count.js";
import { uniformPolicy } from "./uniform-policy.js";

/** Options of {@link window}. */
export interface WindowOptions {
  /** First tokens of the text that stay for good (attention sinks). Default 4; 0 is a plain sliding window. */
  readonly sinks?: number;
  /** Newest tokens kept, the current one included. Default 252. */
  readonly recent?: number;
  /**
   * `original`: entries keep the position of their token. `reindexed`: positions are counted inside the cache, as in
   * StreamingLLM, so a text may run beyond the trained context. Default `original`.
   */
  readonly positions?: "original" | "reindexed";
  /** `before`: the oldest entry goes before attention. `after`: attention still sees it. Default `before`. */
  readonly evict?: "before" | "after";
  /**
   * `exact`: every prompt token sees its own window, as in decoding. `full`: the tokens of one call see each other in
   * full and the cache is trimmed at the end of the call; then chunks matter. `reindexed` has only `full`.
   * Default: `exact`, or `full` when reindexed.
   */
  readonly prefill?: "exact" | "full";
}

/**
 * Attention sinks and a sliding window (StreamingLLM, Xiao et al. 2024, arXiv:2309.17453).
 *
 * @throws KvfoldError `policy-options` for counts out of range, or for `reindexed` with an exact prefill
 */
export function window(options: WindowOptions = {}): CachePolicy {
  const { sinks = 4, recent = 252, positions = "original", evict = "before" } = options;
  const prefill = options.prefill ?? (positions === "reindexed" ? "full" : "exact");
  check({ sinks, recent, positions, evict, prefill });
  const budget = sinks + recent;
  const reindexed = positions === "reindexed";
  const traits: PolicyTraits = {
    rotation: reindexed ? "at-read" : "at-write",
    ...(reindexed ? { readPosition: "slot" as const } : {}),
    columns: ["position"],
    band: { sinks, recent: evict === "after" ? recent + 1 : recent },
    lossless: false,
    chunking: prefill === "exact" ? "exact" : "defines",
  };
  const trim: DropOp = { op: "drop-range", from: sinks, keepLast: recent };
  // several tokens at once: each query still needs what the next one drops, so the band hides and the trim follows;
  // row by row, because a row must not depend on how many tokens its neighbours get
  const trimOneToken = ({ step }: EvictContext): DropOp => ({
    ...trim,
    keepLast: step.lengths.map((length) => (length === 1 ? recent : Number.POSITIVE_INFINITY)),
  });
  const layerPolicy: LayerPolicy = {
    traits,
    decide: () => ({ op: "append" }),
    ...(evict === "before" ? { evictBefore: trimOneToken } : {}),
    evictAfter: () => trim,
  };
  const extras = [
    reindexed ? ",positions=reindexed" : "",
    evict === "after" ? ",evict=after" : "",
    prefill === "full" && !reindexed ? ",prefill=full" : "",
  ];
  return uniformPolicy(`window:sinks=${sinks},recent=${recent}${extras.join("")}`, layerPolicy, (tokens, shape) => ({
    entries: Math.min(tokens, budget) * shape.kvHeads,
    columns: 1,
    stateBytes: 0,
  }));
}

function check({ sinks, recent, positions, evict, prefill }: Required<WindowOptions>): void {
  checkCount("window", "sinks", sinks, 0);
  checkCount("window", "recent", recent, 1); // the current token is one of them
  checkChoice("window", "positions", positions, ["original", "reindexed"]);
  checkChoice("window", "evict", evict, ["before", "after"]);
  checkChoice("window", "prefill", prefill, ["exact", "full"]);
  if (positions === "reindexed" && prefill === "exact") {
    throw new KvfoldError(
      "policy-options",
      "Policy 'window': positions=reindexed has only prefill=full, because its positions move with the window; leave prefill out.",
    );
  }
}

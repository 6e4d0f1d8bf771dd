import { full } from "../policies/full.js";
import { h2o } from "../policies/h2o.js";
import { tova } from "../policies/tova.js";
import { window } from "../policies/window.js";
import { choice, count } from "./option-kinds.js";
import { perLayerDefinition } from "./per-layer-definition.js";
import { definePolicy, type PolicyDefinition } from "./policy-definition.js";

/** The policies of this package. A new policy is one row here (or in the table that its own package exports). */
export const policyTable: readonly PolicyDefinition[] = [
  definePolicy({
    name: "full",
    summary: "Keeps every token: the ordinary cache, and the yardstick of the others.",
    options: {},
    make: full,
  }),
  definePolicy({
    name: "window",
    summary: "Keeps the first tokens and the newest ones (StreamingLLM).",
    options: {
      sinks: count("first tokens of the text, kept for good", "4"),
      recent: count("newest tokens kept, the current one included", "252"),
      positions: choice(
        ["original", "reindexed"],
        "rotate keys by their place in the text, or by their place in the cache (for texts beyond the trained context)",
        "original",
      ),
      evict: choice(["before", "after"], "whether the oldest entry leaves before or after attention", "before"),
      prefill: choice(
        ["exact", "full"],
        "whether prompt tokens of one call see their own window, as in decoding, or each other in full",
        "exact (reindexed: full)",
      ),
    },
    make: window,
  }),
  definePolicy({
    name: "h2o",
    summary: "Keeps the newest tokens and those that received the most attention (heavy hitters).",
    options: {
      budget: count("entries of each KV head", "256"),
      heavy: count("entries kept for their attention mass", "half of the budget"),
      recent: count("newest entries, always kept", "the other half"),
    },
    make: h2o,
  }),
  definePolicy({
    name: "tova",
    summary: "Keeps the tokens that the newest query attends to most.",
    options: { budget: count("entries of each KV head", "256") },
    make: tova,
  }),
  perLayerDefinition,
];

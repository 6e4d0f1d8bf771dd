import { full } from "../policies/full.js";
import { h2o } from "../policies/h2o.js";
import { perLayer } from "../policies/per-layer.js";
import { tova } from "../policies/tova.js";
import { window } from "../policies/window.js";
import type { PolicyRow } from "./describe-policy.js";

/** Enough for every test text. */
const ample = 1000;

/** The policies of this package, as the laws need to know them: one row enrols a policy. */
export const ownPolicyRows: readonly PolicyRow[] = [
  { policy: full, allAppend: full },
  {
    policy: () => window({ sinks: 2, recent: 4 }),
    budget: 6,
    allAppend: () => window({ sinks: 2, recent: ample }),
  },
  {
    policy: () => window({ sinks: 0, recent: 5, evict: "after" }),
    budget: 5,
    allAppend: () => window({ sinks: 0, recent: ample, evict: "after" }),
  },
  {
    policy: () => window({ sinks: 1, recent: 4, prefill: "full" }),
    budget: 5,
    allAppend: () => window({ recent: ample, prefill: "full" }),
  },
  {
    policy: () => window({ sinks: 2, recent: 3, positions: "reindexed" }),
    budget: 5,
    allAppend: () => window({ recent: ample, positions: "reindexed" }),
  },
  {
    policy: () => window({ sinks: 2, recent: 3, positions: "reindexed", evict: "after" }),
    budget: 5,
    allAppend: () => window({ recent: ample, positions: "reindexed", evict: "after" }),
  },
  { policy: () => h2o({ budget: 6 }), budget: 6, allAppend: () => h2o({ budget: ample }) },
  { policy: () => h2o({ heavy: 4, recent: 1 }), budget: 5, allAppend: () => h2o({ budget: ample }) },
  { policy: () => tova({ budget: 5 }), budget: 5, allAppend: () => tova({ budget: ample }) },
  {
    policy: () =>
      perLayer([
        { first: 0, last: 0, policy: full() },
        { first: 1, last: Number.POSITIVE_INFINITY, policy: window({ sinks: 1, recent: 3 }) },
      ]),
    allAppend: () => perLayer([{ first: 0, last: Number.POSITIVE_INFINITY, policy: full() }]),
  },
  {
    policy: () =>
      perLayer([
        { first: 0, last: 0, policy: tova({ budget: 6 }) },
        { first: 1, last: 1, policy: h2o({ budget: 4 }) },
        { first: 2, last: 2, policy: window({ sinks: 0, recent: 5 }) },
      ]),
    layers: 3,
    budget: 6,
  },
];

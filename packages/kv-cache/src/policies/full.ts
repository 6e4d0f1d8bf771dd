import type { CachePolicy } from "../policy.js";
import { uniformPolicy } from "./uniform-policy.js";

/** Keeps every token: the ordinary key-value cache, and the yardstick of all other policies. */
export function full(): CachePolicy {
  return uniformPolicy(
    "full",
    {
      traits: { rotation: "at-write", columns: [], lossless: true, chunking: "exact" },
      decide: () => ({ op: "append" }),
      training: ({ q, k, v }) => ({ q, k, v, auxiliary: {} }),
    },
    (tokens, shape) => ({ entries: tokens * shape.kvHeads, columns: 0, stateBytes: 0 }),
  );
}

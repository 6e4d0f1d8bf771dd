import type { LayerShape } from "../policy.js";
import type { Step } from "../step.js";
import type { CallSite } from "../store.js";

/** Lanes of a step's rows, row-major: row r has lanes r * kvHeads and following. */
export function lanesOf(step: Step, kvHeads: number): number[] {
  return step.rows.flatMap((row) => Array.from({ length: kvHeads }, (_, head) => row * kvHeads + head));
}

/** What `rotateAndBlank` needs to know of a step, but for the positions. */
export function rotationOf(step: Step, site: CallSite, shape: LayerShape, part: "queries" | "keys") {
  const length = Math.max(...step.starts.map((start, row) => start + (step.lengths[row] ?? 0)));
  return { rope: site.rope, length, borrowed: site.borrowed, part, group: shape.queryHeads / shape.kvHeads };
}

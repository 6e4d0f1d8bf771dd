import type { DropOp } from "../policy.js";

/**
 * The slots of each lane that a drop leaves, ascending.
 *
 * @param laneLengths entries of each lane of the step, row-major
 * @param kvHeads lanes a row
 * @param scores for scored drops: `[rows, kvHeads, slots]` numbers, padded to the longest lane
 */
export function selectKept(
  op: DropOp,
  laneLengths: readonly number[],
  kvHeads: number,
  scores: ArrayLike<number> | undefined,
): number[][] {
  const slots = Math.max(0, ...laneLengths);
  const scoreOf = (lane: number, slot: number) => scores?.[lane * slots + slot] ?? 0;
  const range = (length: number) => Array.from({ length }, (_, i) => i);
  if (op.op === "drop-range") {
    return laneLengths.map((length, lane) => {
      const newest = length - ofRow(op.keepLast, Math.floor(lane / kvHeads));
      return range(length).filter((slot) => slot < op.from || slot >= newest);
    });
  }
  if (op.op === "drop-below") {
    return laneLengths.map((length, lane) => range(length).filter((slot) => scoreOf(lane, slot) >= op.threshold));
  }
  if (op.scope !== "row") {
    return laneLengths.map((length, lane) => {
      const ranked = range(length).sort((a, b) => scoreOf(lane, b) - scoreOf(lane, a) || a - b);
      return ranked.slice(0, ofRow(op.keep, Math.floor(lane / kvHeads))).sort((a, b) => a - b);
    });
  }
  return range(laneLengths.length / kvHeads).flatMap((row) => {
    const lanes = range(kvHeads).map((head) => row * kvHeads + head);
    const all = lanes.flatMap((lane) => range(laneLengths[lane] ?? 0).map((slot) => ({ lane, slot })));
    all.sort((a, b) => scoreOf(b.lane, b.slot) - scoreOf(a.lane, a.slot) || a.slot - b.slot || a.lane - b.lane);
    const kept = all.slice(0, ofRow(op.keep, row) * kvHeads);
    return lanes.map((lane) =>
      kept
        .filter((e) => e.lane === lane)
        .map((e) => e.slot)
        .sort((a, b) => a - b),
    );
  });
}

/** The number of a row, where there may be one for all. */
function ofRow(value: number | readonly number[], row: number): number {
  return typeof value === "number" ? value : (value[row] ?? 0);
}

import type { RaggedTable } from "./ragged-table.js";
import { forEver } from "./visibility.js";

/** What overwriting does to the entries of a lane, old ones first, then the new tokens as if they had been appended. */
export interface OverwritePlan {
  /** Position of the token that replaces each entry; {@link forEver} for those that stay. */
  readonly gone: readonly number[];
  /** Slot of each entry in the end; -1 for those that were replaced. */
  readonly place: readonly number[];
}

/**
 * Plays the overwrites of some tokens of one lane in order, so that a chunk ends where single steps would.
 *
 * @param length entries before
 * @param slots target of each new token; the lane's length (or more) appends
 * @param start position of the first new token
 */
export function planOverwrites(length: number, slots: readonly number[], start: number): OverwritePlan {
  const holders = Array.from({ length }, (_, i) => i);
  const gone = new Array<number>(length + slots.length).fill(forEver);
  slots.forEach((wanted, t) => {
    const slot = Math.max(0, Math.min(wanted, holders.length));
    const replaced = holders[slot];
    if (replaced !== undefined) gone[replaced] = start + t;
    holders[slot] = length + t;
  });
  const place = new Array<number>(gone.length).fill(-1);
  holders.forEach((entry, slot) => {
    place[entry] = slot;
  });
  return { gone, place };
}

/** Drops the replaced entries and puts the others into their slots. `place` as in {@link OverwritePlan}, all lanes. */
export function settleOverwrites(table: RaggedTable, place: ArrayLike<number>): void {
  const starts = table.starts();
  table.keep(
    table.lengths.map((length, lane) => {
      const slotOf = (i: number) => place[(starts[lane] ?? 0) + i] ?? -1;
      return Array.from({ length }, (_, i) => i)
        .filter((i) => slotOf(i) >= 0)
        .sort((a, b) => slotOf(a) - slotOf(b));
    }),
  );
}

import type { Random } from "@kvfold/models";

/** Brings a list into random order, in place (Fisher and Yates). @returns the list */
export function shuffle<T extends Int32Array | unknown[]>(random: Random, list: T): T {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

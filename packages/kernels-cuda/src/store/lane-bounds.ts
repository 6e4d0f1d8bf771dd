/**
 * Upper bounds of what lanes hold, in entries and pages. A step adds to all lanes of its rows, so that sums are carried along
 * and not made anew.
 */
export class LaneBounds {
  readonly #entries: Int32Array;
  readonly #pageSlots: number;
  #pages = 0;
  #longest = 0;
  /** Sums that must be made anew. */
  #stale = false;

  constructor(lanes: number, pageSlots: number) {
    this.#entries = new Int32Array(lanes);
    this.#pageSlots = pageSlots;
  }

  at(lane: number): number {
    return this.#entries[lane] as number;
  }

  /** Pages of all lanes. */
  get pages(): number {
    this.#count();
    return this.#pages;
  }

  /** Entries of the longest lane. */
  get longest(): number {
    this.#count();
    return this.#longest;
  }

  /** So many more entries in lanes `[first, first + count)`. */
  add(first: number, count: number, more: number): void {
    for (let lane = first; lane < first + count; lane++) {
      const before = this.#entries[lane] as number;
      this.#entries[lane] = before + more;
      this.#pages += this.#pagesOf(before + more) - this.#pagesOf(before);
      if (before + more > this.#longest) this.#longest = before + more;
    }
  }

  /** The bounds of lanes from `first` on. */
  set(entries: ArrayLike<number>, first = 0): void {
    this.#entries.set(entries, first);
    this.#stale = true;
  }

  /** Lowers the bound of a lane to this, if it was higher. */
  lower(lane: number, entries: number): void {
    if (entries >= this.at(lane)) return;
    this.#entries[lane] = entries;
    this.#stale = true;
  }

  /** Bounds of some lanes, one after the other. */
  slice(first: number, end: number): Int32Array {
    return this.#entries.subarray(first, end);
  }

  #pagesOf(entries: number): number {
    return Math.ceil(entries / this.#pageSlots);
  }

  #count(): void {
    if (!this.#stale) return;
    this.#stale = false;
    [this.#pages, this.#longest] = [0, 0];
    for (const entries of this.#entries) {
      this.#pages += this.#pagesOf(entries);
      this.#longest = Math.max(this.#longest, entries);
    }
  }
}

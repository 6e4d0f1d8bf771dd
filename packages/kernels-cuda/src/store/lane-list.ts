import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block } from "../engine/memory-pool.js";
import { LaneBounds } from "./lane-bounds.js";
import { LaneStates } from "./lane-states.js";
import type { PageHolder, PageMemory } from "./page-memory.js";
import { laneMoves, laneShares, layoutFields } from "./store-kernels.js";

/** Numbers of `EntryLayout`, by name. */
export type EntryLayout = Readonly<Record<keyof typeof layoutFields, number>>;

/** Names the numbers of a layout as the addon lists them. */
export function layoutOf(numbers: readonly number[]): EntryLayout {
  return Object.fromEntries(Object.keys(layoutFields).map((name, i) => [name, numbers[i]])) as EntryLayout;
}

const holder = "cache lanes";

/**
 * The lanes of one layer on the device: for each a list of pages, a length, and the state of merging. Rows are named by their
 * number, lanes are (row, KV head).
 */
export class LaneList implements PageHolder {
  readonly rows: number;
  readonly layout: EntryLayout;
  readonly memory: PageMemory;
  /** True when a page may be held by others too. */
  shared = false;
  /** Upper bound of each lane's length. */
  readonly bounds: LaneBounds;
  /** False when some lane may be shorter than its bound. */
  exact = true;
  readonly #kvHeads: number;
  readonly #engine: CudaEngine;
  readonly #lengths: Block;
  #states: LaneStates | undefined;
  #table: Block;
  #capacity = 8;
  /** Rows, and entries that they are about to get. */
  #coming: readonly (readonly [number, number])[] = [];
  #disposed = false;

  /** @param states of the same lanes, to hold with others; default: zeros, where lanes merge */
  constructor(memory: PageMemory, layout: EntryLayout, rows: number, kvHeads: number, states?: LaneStates) {
    [this.memory, this.layout, this.rows, this.#kvHeads] = [memory, layout, rows, kvHeads];
    const { engine } = memory;
    this.#engine = engine;
    this.bounds = new LaneBounds(this.lanes, layout.pageSlots);
    this.#lengths = engine.pool.take(4 * Math.max(1, this.lanes), holder);
    this.#table = engine.pool.take(4 * Math.max(1, this.lanes) * this.#capacity, holder);
    engine.fillWords(this.#lengths.address, 0, this.lanes);
    if (layout.stateBytes > 0 && this.lanes > 0) {
      this.#states = states?.share() ?? new LaneStates(engine, this.lanes * layout.stateBytes);
    }
    memory.add(this);
  }

  get lanes(): number {
    return this.rows * this.#kvHeads;
  }

  /** What merging lanes keep beside entries; others may hold it too. */
  get states(): LaneStates | undefined {
    return this.#states;
  }

  /** To be called in front of every write that changes states. */
  ownStates(): void {
    this.#states = this.#states?.own();
  }

  get lengthsAddress(): number {
    return this.#lengths.address;
  }

  get claimed(): number {
    return this.bounds.pages;
  }

  /** `LaneStore` of native/kernels/args/lane-store.h. */
  get store() {
    return {
      pages: this.memory.pages,
      pageTable: this.#table.address,
      lengths: this.#lengths.address,
      states: this.#states?.address ?? 0,
      pageCapacity: this.#capacity,
      kvHeads: this.#kvHeads,
      layout: this.layout,
    };
  }

  /** What recorded steps rely on: while nothing of it changes, their kernels find the lanes. */
  get footing(): readonly unknown[] {
    const { freePages, freeCount, holders } = this.memory.pool;
    const own = [this.#capacity, this.#table.address, this.#states?.address];
    return [this, this.shared, ...own, this.memory.pages, freePages, freeCount, holders];
  }

  /** Entries that there is room for in the lists of pages. */
  get slots(): number {
    return this.#capacity * this.layout.pageSlots;
  }

  /** Pages that lanes of such lengths hold. */
  pagesFor(lengths: Iterable<number>): number {
    let sum = 0;
    for (const length of lengths) sum += Math.ceil(length / this.layout.pageSlots);
    return sum;
  }

  refresh(): void {
    this.bounds.set(this.hostLengths());
    this.exact = this.#coming.length === 0; // what comes may merge
    this.#add(this.#coming);
  }

  /** Entries of a lane; waits for the device where they are not known here. */
  lengthOf(lane: number): number {
    if (!this.exact) this.refresh();
    return this.bounds.at(lane);
  }

  /** Copies the lengths of the lanes of some rows, in their order, to an address. */
  copyLengths(rows: readonly number[], to: number): void {
    const bytes = 4 * this.#kvHeads;
    rows.forEach((row, i) => {
      this.#engine.copy(to + i * bytes, this.#lengths.address + row * bytes, bytes);
    });
  }

  /** Entries of each lane; waits for the device. */
  hostLengths(): Int32Array {
    const lengths = new Int32Array(this.lanes);
    this.#engine.download(this.#lengths.address, lengths);
    return lengths;
  }

  /** The lanes of some rows, in their order. */
  lanesOf(rows: readonly number[]): number[] {
    return rows.flatMap((row) => Array.from({ length: this.#kvHeads }, (_, head) => row * this.#kvHeads + head));
  }

  /** Makes room for so many more entries in each lane of some rows, which are written next. */
  reserve(rows: readonly number[], counts: readonly number[]): void {
    this.expect(rows, counts);
    this.#coming = [];
  }

  /** The same for entries that are written later, behind other layers' room. */
  expect(rows: readonly number[], counts: readonly number[]): void {
    this.#coming = rows.map((row, i) => [row, counts[i] as number] as const);
    this.#add(this.#coming);
    if (this.#pagesOfLongest() > this.#capacity) this.refresh();
    if (this.#pagesOfLongest() > this.#capacity) this.#growTable();
    this.memory.ensure();
  }

  #add(coming: readonly (readonly [number, number])[]): void {
    for (const [row, count] of coming) {
      this.bounds.add(row * this.#kvHeads, this.#kvHeads, count);
    }
  }

  #pagesOfLongest(): number {
    return Math.ceil(this.bounds.longest / this.layout.pageSlots);
  }

  #growTable(): void {
    const capacity = Math.ceil(this.#pagesOfLongest() * 1.5);
    const table = this.#engine.pool.take(4 * this.lanes * capacity, holder);
    for (let lane = 0; lane < this.lanes; lane++) {
      const from = this.#table.address + 4 * lane * this.#capacity;
      this.#engine.copy(table.address + 4 * lane * capacity, from, 4 * this.#capacity);
    }
    this.#engine.pool.give(this.#table);
    [this.#table, this.#capacity] = [table, capacity];
  }

  /** New lanes that hold the pages of these: row i is row `rows[i]`, or empty where that is -1. */
  select(rows: readonly number[]): LaneList {
    const same = rows.length === this.rows && rows.every((row, i) => row === i);
    const made = new LaneList(this.memory, this.layout, rows.length, this.#kvHeads, same ? this.#states : undefined);
    this.#engine.pool.give(made.#table);
    made.#capacity = this.#capacity;
    made.#table = this.#engine.pool.take(4 * Math.max(1, made.lanes) * this.#capacity, holder);
    const perRow = this.#kvHeads;
    rows.forEach((row, i) => {
      if (row < 0) return;
      const move = (to: { address: number }, from: { address: number }, bytes: number) =>
        this.#engine.copy(to.address + i * perRow * bytes, from.address + row * perRow * bytes, perRow * bytes);
      move(made.#table, this.#table, 4 * this.#capacity);
      move(made.#lengths, this.#lengths, 4);
      if (!same && made.#states !== undefined && this.#states !== undefined)
        move(made.#states, this.#states, this.layout.stateBytes);
      made.bounds.set(this.bounds.slice(row * perRow, (row + 1) * perRow), i * perRow);
    });
    made.hold();
    made.exact = this.exact;
    made.shared = this.shared = true;
    return made;
  }

  /** One more holder for every page. */
  hold(): void {
    this.memory.ensure();
    const values = { pool: this.memory.pool, store: this.store, count: this.lanes };
    const shape = { grid: [Math.ceil(this.lanes / 128)], block: [128] } as const;
    this.#engine.launch(laneShares.kvfold_lane_hold, values, shape);
  }

  /** Shortens lanes, by the address of their new lengths; 0 empties them. */
  release(newLengths: number): void {
    if (this.lanes === 0) return;
    const values = { newLengths, pool: this.memory.pool, store: this.store, count: this.lanes };
    if (this.memory.pages !== 0)
      this.#engine.launch(laneShares.kvfold_lane_release, values, { grid: [1], block: [256] });
  }

  /** Gives the named lanes (by the address of their numbers) a last page of their own, as writing needs it. */
  ownLast(lanes: number, count: number): void {
    if (!this.shared || this.memory.pages === 0) return;
    const values = { lanes, pool: this.memory.pool, store: this.store, count };
    this.#engine.launch(laneShares.kvfold_lane_own_last, values, { grid: [count], block: [128] });
  }

  /**
   * Moves entries of the lanes of some rows to pages of their own, in the order of `order` (slots, by address; 0: as they
   * are), and gives the old pages back.
   */
  rearrange(
    rows: readonly number[],
    rowsAddress: number,
    moved: {
      readonly order: number;
      readonly orderSlots: number;
      readonly newLengths: number;
      readonly bounds: readonly number[];
    },
  ): void {
    if (this.memory.pages === 0) return; // nobody has written yet
    const engine = this.#engine;
    const lanes = this.lanesOf(rows);
    engine.apart(() => this.memory.ensure(this.pagesFor(moved.bounds)));
    const table = engine.pool.take(4 * lanes.length * this.#capacity, holder);
    const lengths = engine.pool.take(4 * lanes.length, holder);
    const to = { ...this.store, pageTable: table.address, lengths: lengths.address, states: 0 };
    const { order, orderSlots, newLengths } = moved;
    const sizes = { lanes: lanes.length, orderSlots };
    const values = { rows: rowsAddress, order, newLengths, pool: this.memory.pool, from: this.store, to, ...sizes };
    engine.launch(laneMoves.kvfold_lane_reserve, values, { grid: [Math.ceil(lanes.length / 128)], block: [128] });
    engine.launch(laneMoves.kvfold_lane_move, values, {
      grid: [Math.ceil(orderSlots / 8), lanes.length],
      block: [256],
    });
    const numbers = engine.pool.take(4 * lanes.length, holder);
    engine.upload(numbers.address, Int32Array.from(lanes));
    const old = { lanes: numbers.address, pool: this.memory.pool, store: this.store, count: lanes.length };
    engine.launch(laneShares.kvfold_lane_release, old, { grid: [1], block: [256] });
    const perRow = this.#kvHeads;
    rows.forEach((row, i) => {
      const bytes = 4 * perRow * this.#capacity;
      engine.copy(this.#table.address + row * bytes, table.address + i * bytes, bytes);
      engine.copy(this.#lengths.address + 4 * row * perRow, lengths.address + 4 * i * perRow, 4 * perRow);
    });
    this.shorten(lanes, moved.bounds);
    for (const block of [table, lengths, numbers]) engine.pool.give(block);
  }

  /** Lowers the upper bounds of some lanes. */
  shorten(lanes: readonly number[], bounds: readonly number[]): void {
    lanes.forEach((lane, i) => {
      this.bounds.lower(lane, bounds[i] as number);
    });
  }

  /** Page ids that each lane holds; waits for the device. */
  hostPages(): number[] {
    const lengths = this.hostLengths();
    const table = new Int32Array(this.lanes * this.#capacity);
    this.#engine.download(this.#table.address, table);
    return [...lengths].flatMap((length, lane) => [
      ...table.subarray(lane * this.#capacity, lane * this.#capacity + Math.ceil(length / this.layout.pageSlots)),
    ]);
  }

  /** Gives pages and lists back; twice is once. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#engine.disposed) return;
    this.release(0);
    this.bounds.set(new Int32Array(this.lanes));
    this.memory.remove(this);
    this.#states?.release();
    for (const block of [this.#table, this.#lengths]) this.#engine.pool.give(block);
  }
}

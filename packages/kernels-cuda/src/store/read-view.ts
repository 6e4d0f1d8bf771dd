import type { CallSite, LayerShape, PolicyTraits, Step } from "@kvfold/kv-cache";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { type EntryLayout, type LaneList, layoutOf } from "./lane-list.js";
import { keyAngles } from "./step-angles.js";
import type { StepNumbers } from "./step-numbers.js";
import { readEntries } from "./store-kernels.js";
import { blanking } from "./write.js";

/** Lanes as attention reads them. */
export interface LaneView {
  readonly layout: EntryLayout;
  /** `LaneStore` of native/kernels/args/lane-store.h. */
  readonly store: LaneList["store"];
  /** int32 `[rows]`: rows of `store`; 0: lanes are those of the step. */
  readonly rows: number;
  /** Gives the memory back. */
  release(): void;
}

/** The lanes themselves, for keys that were rotated when they were written. */
export function storedView(list: LaneList, numbers: StepNumbers): LaneView {
  return { layout: list.layout, store: list.store, rows: numbers.rows, release: () => {} };
}

/**
 * The entries of a step's lanes once more, in float32 pages of their own: keys rotated as they are read, where the policy
 * wants that, and with a column of ends, where a chunk overwrites entries that its first queries still see.
 */
export function readView(
  backend: CudaBackend,
  list: LaneList,
  reading: { step: Step; numbers: StepNumbers; site: CallSite; shape: LayerShape; traits: PolicyTraits },
  overwrites: boolean,
): LaneView {
  const { step, numbers, site, shape, traits } = reading;
  const { engine } = backend;
  backend.recorder.refuse("its entries are read once more, into pages of their number");
  const { headDim, pageSlots, columns, positionColumn, untilColumn } = list.layout;
  const adds = overwrites && untilColumn < 0;
  const ends = adds ? columns : untilColumn;
  const layout = layoutOf(
    engine.plans.entryLayout(0, headDim, pageSlots, columns + (adds ? 1 : 0), positionColumn, ends, 0),
  );
  const lanes = list.lanesOf(step.rows);
  const capacity = Math.max(1, ...lanes.map((lane) => Math.ceil(list.bounds.at(lane) / pageSlots)));
  const slots = capacity * pageSlots;
  const [pages, table, lengths] = [
    engine.pool.take(lanes.length * capacity * layout.pageBytes, "cache reads"),
    backend.scratch(4 * lanes.length * capacity),
    backend.scratch(4 * lanes.length),
  ];
  engine.upload(
    table.address,
    Int32Array.from({ length: lanes.length * capacity }, (_, page) => page),
  );
  list.copyLengths(step.rows, lengths.address);
  const bySlot = traits.readPosition === "slot";
  const turns = traits.rotation === "at-read";
  const last = bySlot ? slots : Math.max(...step.starts.map((start, row) => start + (step.lengths[row] ?? 0)));
  const values = {
    rows: numbers.rows,
    entries: pages.address,
    ...(turns ? keyAngles(backend, step, site.rope, last) : {}),
    store: list.store,
    lanes: lanes.length,
    slots,
    blank: turns ? blanking(site, 1).blank : -1,
    bySlot: bySlot ? 1 : 0,
    view: layout,
  };
  engine.launch(readEntries, values, { grid: [Math.ceil(slots / 8), lanes.length], block: [256] });
  const store = {
    pages: pages.address,
    pageTable: table.address,
    lengths: lengths.address,
    states: 0,
    pageCapacity: capacity,
    kvHeads: shape.kvHeads,
    layout,
  };
  const release = () => {
    for (const block of [pages, table, lengths]) engine.pool.give(block);
  };
  return { layout, store, rows: 0, release };
}

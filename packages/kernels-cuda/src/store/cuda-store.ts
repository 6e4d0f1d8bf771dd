import { KvfoldError } from "@kvfold/core";
import type {
  Attended,
  CallSite,
  DropOp,
  LayerStore,
  Step,
  StepTensors,
  StoreOptions,
  StoreSnapshot,
  StoreState,
  WriteOp,
} from "@kvfold/kv-cache";
import type * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { attendOverLanes, tensorOf } from "./attend.js";
import { CudaSnapshot, pagesOf } from "./cuda-snapshot.js";
import { dropEntries } from "./drop.js";
import { LaneList, layoutOf } from "./lane-list.js";
import { pageMemory } from "./page-memory.js";
import { PeakEntries } from "./peak-entries.js";
import { type StepNumbers, stepNumbers } from "./step-numbers.js";
import { columnKernels, entryCodecs, readEntries } from "./store-kernels.js";
import { exportLanes, importLanes, isIndex } from "./store-state.js";
import { type Chunk, writeTokens } from "./write.js";

/** Entries of a page: a tile of the attention. */
const pageSlots = 16;

/**
 * The store of the `cuda` backend: entries in small pages, one list of pages a lane, all of it on the device. Which page a
 * lane gets, whether a token merges, and how attention divides its work is decided there; the host sees lengths only when it
 * asks for them. Forks and checkpoints share pages until one of them writes.
 */
export class CudaStore implements LayerStore {
  readonly #options: StoreOptions;
  readonly #backend: CudaBackend;
  readonly #peak: PeakEntries;
  #list: LaneList;
  #chunk: Chunk | undefined;
  #lengths: Int32Array | undefined;
  #disposed = false;

  /** @throws KvfoldError `cache-codec` when there is no such storage of entries */
  constructor(options: StoreOptions, backend: CudaBackend) {
    const { shape, traits, codec, rows } = options;
    const place = (entryCodecs as readonly string[]).indexOf(codec);
    if (place < 0) {
      throw new KvfoldError(
        "cache-codec",
        `The cuda backend does not keep entries as '${codec}'; it has: ${entryCodecs.join(", ")}.`,
      );
    }
    this.#options = options;
    this.#backend = backend;
    const { engine } = backend;
    const ringRows = traits.mergeWindow === undefined ? 0 : (traits.mergeWindow ?? 1);
    const [position, until] = [traits.columns.indexOf("position"), traits.columns.indexOf("until")];
    const columns = [traits.columns.length, position, until] as const;
    const layout = layoutOf(engine.plans.entryLayout(place, shape.headDim, pageSlots, ...columns, ringRows));
    this.#list = new LaneList(pageMemory(engine, layout.pageBytes), layout, rows, shape.kvHeads);
    this.#peak = new PeakEntries(engine);
  }

  get rows(): number {
    return this.#list.rows;
  }

  write(step: Step, tensors: StepTensors, op: WriteOp, site: CallSite): void {
    this.#change();
    if (op.op === "overwrite" && step.tokens === 1 && this.#list.shared) this.#ownAll(step);
    const own = () => {
      if (op.op === "merge") this.#list.ownStates();
    };
    this.#backend.engine.apart(() => {
      this.#list.reserve(step.rows, step.lengths);
      own();
    });
    const group = this.#options.shape.queryHeads / this.#options.shape.kvHeads;
    const rotatesAtWrite = this.#options.traits.rotation === "at-write";
    const numbers = this.#numbers(step);
    this.#backend.recorder.relyOn(
      () => this.#list.footing,
      (now) => {
        this.#list.expect(now.rows, now.lengths);
        own();
      },
    );
    this.#chunk?.release();
    this.#chunk = writeTokens(this.#backend, {
      list: this.#list,
      step,
      numbers,
      tensors,
      op,
      site,
      group,
      rotatesAtWrite,
    });
    this.#peak.note(this.#list);
  }

  attend(step: Step, tensors: StepTensors, site: CallSite): Attended {
    const { shape, traits } = this.#options;
    const longest = () => this.#longest(step);
    const reading = { list: this.#list, step, numbers: this.#numbers(step), tensors, site, shape, traits };
    return attendOverLanes(this.#backend, { ...reading, chunk: this.#chunk, longest });
  }

  drop(step: Step, op: DropOp): void {
    if (this.#chunk?.overwrites !== undefined) {
      throw new KvfoldError(
        "cache-overwrite",
        "The cuda backend does not drop entries in a step that overwrites several tokens: feed this policy's prompt token by token.",
      );
    }
    this.#change();
    dropEntries(this.#backend, this.#list, step, this.#numbers(step), op, this.#options.shape.kvHeads);
  }

  finish(): void {
    if (this.#chunk?.overwrites !== undefined) {
      this.#chunk.overwrites.settle();
      this.#change();
    }
    this.#chunk?.release();
    this.#chunk = undefined;
  }

  column(step: Step, name: string): tf.Tensor3D {
    const slots = this.#longest(step);
    const shape = [step.rows.length, this.#options.shape.kvHeads, slots];
    const out = this.#backend.output(shape, isIndex(name) ? "int32" : "float32");
    if (out.length > 0) this.#moveColumn("kvfold_read_column", step, name, slots, out.address);
    return tensorOf(out);
  }

  setColumn(step: Step, name: string, value: tf.Tensor3D): void {
    if (value.size === 0) return;
    if (this.#list.shared) this.#ownAll(step);
    this.#moveColumn("kvfold_write_column", step, name, value.shape[2], this.#backend.address(value));
  }

  entries(step: Step, part: "keys" | "values"): tf.Tensor4D {
    const { kvHeads, headDim } = this.#options.shape;
    const slots = this.#longest(step);
    const lanes = step.rows.length * kvHeads;
    const out = this.#backend.output([step.rows.length, kvHeads, slots, headDim]);
    const values = {
      rows: this.#numbers(step).rows,
      [part]: out.address,
      store: this.#list.store,
      lanes,
      slots,
      blank: -1,
    };
    if (out.length > 0) {
      this.#backend.engine.launch(readEntries, values, { grid: [Math.ceil(slots / 8), lanes], block: [256] });
    }
    return tensorOf(out);
  }

  laneLengths(): readonly number[] {
    return [...this.#lengthsOfAll()];
  }

  lengths(step: Step): tf.Tensor {
    const { kvHeads } = this.#options.shape;
    const out = this.#backend.output([step.rows.length, kvHeads], "int32");
    this.#list.copyLengths(step.rows, out.address);
    return tensorOf(out);
  }

  get peakEntries(): number {
    return this.#peak.peak;
  }

  crop(entries: readonly number[]): void {
    const { kvHeads } = this.#options.shape;
    const { engine } = this.#backend;
    const lengths = this.#lengthsOfAll().map((length, lane) =>
      Math.min(length, entries[Math.floor(lane / kvHeads)] ?? 0),
    );
    this.#change();
    const block = this.#backend.scratch(4 * lengths.length);
    engine.upload(block.address, lengths);
    this.#list.release(block.address);
    this.#list.bounds.set(lengths);
    engine.pool.give(block);
  }

  addRows(count: number): void {
    this.selectRows([...Array(this.rows).keys(), ...new Array<number>(count).fill(-1)]);
  }

  selectRows(rows: readonly number[]): void {
    this.#replace(this.#list.select(rows));
  }

  snapshot(): StoreSnapshot {
    return new CudaSnapshot(this.#list.select([...Array(this.rows).keys()]));
  }

  restore(snapshot: StoreSnapshot): void {
    const { list } = snapshot as CudaSnapshot;
    this.#replace(list.select([...Array(list.rows).keys()]));
  }

  exportState(): StoreState {
    return exportLanes(this.#backend, this.#list, this.#options);
  }

  importState(state: StoreState): void {
    const { kvHeads } = this.#options.shape;
    const list = new LaneList(this.#list.memory, this.#list.layout, state.lengths.length / kvHeads, kvHeads);
    try {
      importLanes(this.#backend, list, this.#options, state);
    } catch (error) {
      list.dispose();
      throw error;
    }
    this.#replace(list);
  }

  get stateBytes(): number {
    return this.#disposed ? 0 : (this.#list.states?.bytes ?? 0);
  }

  get liveBytes(): number {
    let sum = 0;
    for (const bytes of this.buffers().values()) sum += bytes;
    return sum;
  }

  buffers(): ReadonlyMap<object | number, number> {
    return this.#disposed ? new Map() : pagesOf(this.#list);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.finish();
    this.#disposed = true;
    this.#list.dispose();
    this.#peak.dispose();
  }

  #numbers(step: Step): StepNumbers {
    return stepNumbers(this.#backend, step);
  }

  #replace(list: LaneList): void {
    this.#change();
    this.#list.dispose();
    this.#list = list;
  }

  /** Moves all entries of a step's rows to pages that nobody else holds. */
  #ownAll(step: Step): void {
    this.#backend.recorder.refuse("it moves a cache to pages of its own");
    const { engine } = this.#backend;
    const lanes = this.#list.lanesOf(step.rows);
    const bounds = lanes.map((lane) => this.#list.bounds.at(lane));
    const lengths = this.lengths(step);
    const newLengths = engine.pool.take(4 * lanes.length, "scratch");
    engine.copy(newLengths.address, this.#backend.address(lengths), 4 * lanes.length);
    lengths.dispose();
    const moved = { order: 0, orderSlots: Math.max(1, ...bounds), newLengths: newLengths.address, bounds };
    this.#list.rearrange(step.rows, this.#numbers(step).rows, moved);
    engine.pool.give(newLengths);
  }

  #moveColumn(kernel: keyof typeof columnKernels, step: Step, name: string, slots: number, values: number): void {
    const column = this.#options.traits.columns.indexOf(name);
    if (column < 0) {
      throw new Error(
        `no column '${name}' in this store; there are ${this.#options.traits.columns.join(", ") || "none"}`,
      );
    }
    const lanes = step.rows.length * this.#options.shape.kvHeads;
    const given = { rows: this.#numbers(step).rows, values, store: this.#list.store, slots, column };
    this.#backend.engine.launch(columnKernels[kernel], given, { grid: [Math.ceil(slots / 256), lanes], block: [256] });
  }

  #lengthsOfAll(): Int32Array {
    this.#lengths ??= this.#list.hostLengths();
    return this.#lengths;
  }

  #longest(step: Step): number {
    const all = this.#lengthsOfAll();
    return Math.max(0, ...this.#list.lanesOf(step.rows).map((lane) => all[lane] as number));
  }

  replayed(): void {
    this.#change();
  }

  #change(): void {
    this.#lengths = undefined;
  }
}

import { KvfoldError, type Rope } from "@kvfold/core";
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
import * as tf from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.js";
import { entryCodecs } from "./entry-codecs.js";
import { keyAngles } from "./key-angles.js";
import { NativeSnapshot, pagesOf } from "./native-snapshot.js";
import { checkState, stateShapes } from "./state-shapes.js";
import { anglesAt, lengthOf } from "./step-angles.js";
import type { StoreContent, StoreHandle, StoreScores, StoreWrite } from "./store-entries.js";
import { bitsOf, isIndex, limitOf, noLimit, tensorOf, wholeNumber } from "./store-values.js";

/** Entries of a page: the size at which decoding is fastest, of those that waste little; see the benchmark notes. */
const pageSlots = 16;

/** Angles of a step's tokens. */
interface StepAngles {
  readonly step: Step;
  readonly rope: Rope;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly half: number;
}

/**
 * The store of the `native` backend: entries in small pages of the addon's own memory, one list of pages a lane. Rotating,
 * blanking, merging and coding are part of the write, and attention reads the pages as they are. Forks and checkpoints
 * share pages until one of them writes; dropped entries' pages are free at once.
 */
export class NativeStore implements LayerStore {
  private readonly options: StoreOptions;
  private readonly backend: NativeBackend;
  private readonly handle: StoreHandle;
  private rowCount: number;
  private disposed = false;
  private lengthsNow: Int32Array | undefined;
  private plan: { readonly step: Step; readonly numbers: Int32Array } | undefined;
  private stepAngles: StepAngles | undefined;
  /** Whether `finish` has something to end. */
  private running = false;

  /** @throws KvfoldError `cache-codec` when there is no such storage of entries */
  constructor(options: StoreOptions, backend: NativeBackend) {
    const { shape, traits } = options;
    const codec = (entryCodecs as readonly string[]).indexOf(options.codec);
    if (codec < 0) {
      throw new KvfoldError(
        "cache-codec",
        `The native backend does not keep entries as '${options.codec}'; it has: ${entryCodecs.join(", ")}.`,
      );
    }
    this.options = options;
    this.backend = backend;
    const place = (name: string) => {
      const index = traits.columns.indexOf(name);
      return index < 0 ? undefined : index;
    };
    this.handle = backend.addon.storeNew(
      shape.queryHeads,
      shape.kvHeads,
      shape.headDim,
      codec,
      pageSlots,
      traits.columns.length,
      place("position"),
      place("until"),
      traits.mergeWindow !== undefined,
      traits.mergeWindow ?? 0,
      traits.rotation === "at-write",
    );
    this.rowCount = 0;
    this.addRows(options.rows);
  }

  get rows(): number {
    return this.rowCount;
  }

  write(step: Step, tensors: StepTensors, op: WriteOp, site: CallSite): void {
    const { addon } = this.backend;
    const call = this.writeCall(step, tensors, site);
    const ints = (tensor: tf.Tensor | undefined) => tensor && this.backend.ints(tensor);
    const floats = (tensor: tf.Tensor) => this.backend.floats(tensor);
    this.change();
    this.running = step.tokens > 1;
    if (op.op === "append") addon.storeAppend(...call, ints(op.until), ints(op.previousUntil));
    else if (op.op === "merge") addon.storeMerge(...call, floats(op.merge), floats(op.omega));
    else addon.storeOverwrite(...call, this.backend.ints(op.slot));
  }

  attend(step: Step, tensors: StepTensors, site: CallSite): Attended {
    const { backend } = this;
    const { shape, traits } = this.options;
    const bySlot = traits.rotation === "at-read" && traits.readPosition === "slot";
    const angles = this.anglesOf(step, site.rope, bySlot);
    const reads = traits.rotation === "at-read" ? this.readAngles(step, site, bySlot) : undefined;
    const band = step.tokens === 1 || traits.chunking === "defines" ? undefined : traits.band;
    const [out, turned] = [backend.output(tensors.q.shape), backend.output(tensors.q.shape)];
    const wanted = traits.massQueries ?? 0;
    const slots = wanted > 0 ? this.longest(step) : 0;
    const mass = wanted > 0 ? backend.output([step.rows.length, shape.kvHeads, slots]) : undefined;
    backend.addon.storeAttend(
      this.handle,
      this.numbersOf(step),
      step.tokens,
      backend.floats(tensors.q),
      angles?.cos,
      angles?.sin,
      angles?.half ?? 0,
      site.borrowed?.channel ?? -1,
      site.borrowed?.queries === "first-of-group",
      site.scale,
      limitOf(site.window),
      band?.sinks ?? 0,
      limitOf(band?.recent),
      Math.min(wanted, noLimit),
      turned.values,
      out.values,
      mass?.values,
      slots,
      reads?.cos,
      reads?.sin,
      reads?.positions ?? 0,
      reads?.half ?? 0,
      site.borrowed?.keys ? site.borrowed.channel : -1,
      bySlot,
    );
    const attended = { out: tensorOf<tf.Tensor4D>(out), q: tensorOf<tf.Tensor4D>(turned) };
    return mass ? { ...attended, mass: tensorOf<tf.Tensor3D>(mass) } : attended;
  }

  drop(step: Step, op: DropOp): void {
    const { addon } = this.backend;
    const numbers = this.numbersOf(step);
    const perRow = (value: number | readonly number[]) =>
      Int32Array.from(step.rows, (_, row) => wholeNumber(typeof value === "number" ? value : (value[row] ?? 0)));
    this.change();
    if (op.op === "drop-range") {
      addon.storeDropRange(this.handle, numbers, step.tokens, wholeNumber(op.from), perRow(op.keepLast));
      return;
    }
    const whole = op.scores.dtype === "int32";
    const scores: StoreScores = [
      this.handle,
      numbers,
      step.tokens,
      whole ? undefined : this.backend.floats(op.scores),
      whole ? this.backend.ints(op.scores) : undefined,
      op.scores.shape[2],
    ];
    if (op.op === "drop-below") addon.storeDropBelow(...scores, op.threshold);
    else addon.storeDropLowest(...scores, perRow(op.keep), op.scope === "row");
  }

  finish(): void {
    this.stepAngles = undefined;
    this.plan = undefined;
    if (!this.running) return;
    this.running = false;
    this.change();
    this.backend.addon.storeFinish(this.handle);
  }

  column(step: Step, name: string): tf.Tensor3D {
    const slots = this.longest(step);
    const shape = [step.rows.length, this.options.shape.kvHeads, slots];
    const out = isIndex(name) ? this.backend.outputInts(shape) : this.backend.output(shape);
    const index = this.columnIndex(name);
    this.backend.addon.storeColumn(this.handle, this.numbersOf(step), step.tokens, index, slots, bitsOf(out.values));
    return tensorOf(out);
  }

  setColumn(step: Step, name: string, value: tf.Tensor3D): void {
    const values = isIndex(name) ? this.backend.ints(value) : this.floatsOf(value);
    const [index, slots] = [this.columnIndex(name), value.shape[2]];
    this.backend.addon.storeSetColumn(this.handle, this.numbersOf(step), step.tokens, index, slots, bitsOf(values));
  }

  entries(step: Step, part: "keys" | "values"): tf.Tensor4D {
    const { kvHeads, headDim } = this.options.shape;
    const slots = this.longest(step);
    const out = this.backend.output([step.rows.length, kvHeads, slots, headDim]);
    const numbers = this.numbersOf(step);
    this.backend.addon.storeEntries(this.handle, numbers, step.tokens, part === "values", slots, out.values);
    return tensorOf(out);
  }

  laneLengths(): readonly number[] {
    return [...this.lengthsOfAll()];
  }

  lengths(step: Step): tf.Tensor {
    const { kvHeads } = this.options.shape;
    const out = this.backend.outputInts([step.rows.length, kvHeads]);
    const all = this.lengthsOfAll();
    step.rows.forEach((row, i) => {
      out.values.set(all.subarray(row * kvHeads, (row + 1) * kvHeads), i * kvHeads);
    });
    return tensorOf(out);
  }

  get peakEntries(): number {
    return this.backend.addon.storeLengths(this.handle, new Int32Array(this.rowCount * this.options.shape.kvHeads));
  }

  crop(entries: readonly number[]): void {
    this.change();
    const counts = Int32Array.from({ length: this.rowCount }, (_, row) => wholeNumber(entries[row] ?? 0));
    this.backend.addon.storeCrop(this.handle, counts);
  }

  addRows(count: number): void {
    this.selectRows([...Array(this.rowCount).keys(), ...new Array<number>(count).fill(-1)]);
  }

  selectRows(rows: readonly number[]): void {
    this.change();
    this.backend.addon.storeSelectRows(this.handle, Int32Array.from(rows));
    this.rowCount = rows.length;
  }

  snapshot(): StoreSnapshot {
    const { addon } = this.backend;
    return new NativeSnapshot(addon, addon.storeSnapshot(this.handle), this.rowCount);
  }

  restore(snapshot: StoreSnapshot): void {
    const { handle, rows } = snapshot as NativeSnapshot;
    this.change();
    this.backend.addon.storeRestore(this.handle, handle);
    this.rowCount = rows;
  }

  exportState(): StoreState {
    const lengths = this.laneLengths();
    const outputs = Object.fromEntries(
      Object.entries(stateShapes(this.options, lengths)).map(([name, shape]) => [
        name,
        isIndex(name) ? this.backend.outputInts(shape) : this.backend.output(shape),
      ]),
    );
    this.backend.addon.storeExport(this.handle, ...this.contentOf((name) => outputs[name]?.values));
    const tensors = Object.fromEntries(Object.entries(outputs).map(([name, out]) => [name, tf.keep(tensorOf(out))]));
    return { tensors, lengths };
  }

  importState(state: StoreState): void {
    checkState(state, stateShapes(this.options, state.lengths));
    const values = (name: string) => {
      const tensor = state.tensors[name];
      if (tensor === undefined) return undefined;
      return isIndex(name) ? this.backend.ints(tensor) : this.floatsOf(tensor);
    };
    this.change();
    this.backend.addon.storeImport(this.handle, Int32Array.from(state.lengths), ...this.contentOf(values));
    this.rowCount = state.lengths.length / this.options.shape.kvHeads;
  }

  get stateBytes(): number {
    return this.backend.addon.storeBytes(this.handle)[1] as number;
  }

  get liveBytes(): number {
    let sum = 0;
    for (const bytes of this.buffers().values()) sum += bytes;
    return sum;
  }

  buffers(): ReadonlyMap<object | number, number> {
    return this.disposed ? new Map() : pagesOf(this.backend.addon, this.handle);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.backend.addon.storeDispose(this.handle);
  }

  private writeCall(step: Step, { k, v }: StepTensors, site: CallSite): StoreWrite {
    const merges = this.options.traits.mergeWindow !== undefined;
    const turns = this.options.traits.rotation === "at-write" || merges;
    const angles = turns ? this.anglesOf(step, site.rope, false) : undefined;
    const blank = site.borrowed?.keys ? site.borrowed.channel : -1;
    const [keys, values] = [this.backend.floats(k), this.backend.floats(v)];
    return [
      this.handle,
      this.numbersOf(step),
      step.tokens,
      keys,
      values,
      angles?.cos,
      angles?.sin,
      angles?.half ?? 0,
      blank,
    ];
  }

  /** The step as the addon takes it. */
  private numbersOf(step: Step): Int32Array {
    if (this.plan?.step !== step) {
      const numbers = Int32Array.from([...step.rows, ...step.lengths, ...step.starts]);
      this.plan = { step, numbers: this.backend.recorder.numbers(numbers) };
    }
    return this.plan.numbers;
  }

  /** Angles of the step's tokens by their logical position, or by their slot. */
  private anglesOf(step: Step, rope: Rope | undefined, bySlot: boolean): StepAngles | undefined {
    if (rope === undefined) return undefined;
    if (!bySlot && this.stepAngles?.step === step && this.stepAngles.rope === rope) return this.stepAngles;
    const { kvHeads } = this.options.shape;
    if (!bySlot) {
      const made = {
        step,
        rope,
        ...this.backend.recorder.angles(rope, step, (now) => anglesAt(now, now.starts, rope, this.backend)),
      };
      this.stepAngles = made;
      return made;
    }
    const slot = (row: number, i: number) =>
      (this.lengthsOfAll()[row * kvHeads] as number) - (step.lengths[i] as number);
    return { step, rope, ...anglesAt(step, step.rows.map(slot), rope, this.backend) };
  }

  private readAngles(step: Step, { rope }: CallSite, bySlot: boolean) {
    if (rope === undefined) return undefined;
    const positions = bySlot ? this.longest(step) : lengthOf(step);
    return keyAngles(rope, positions, lengthOf(step), this.backend);
  }

  private lengthsOfAll(): Int32Array {
    if (this.lengthsNow === undefined) {
      this.lengthsNow = new Int32Array(this.rowCount * this.options.shape.kvHeads);
      this.backend.addon.storeLengths(this.handle, this.lengthsNow);
    }
    return this.lengthsNow;
  }

  /** Longest lane of the step's rows. */
  private longest(step: Step): number {
    const { kvHeads } = this.options.shape;
    const all = this.lengthsOfAll();
    let most = 0;
    for (const row of step.rows) {
      for (let lane = row * kvHeads; lane < (row + 1) * kvHeads; lane++) most = Math.max(most, all[lane] as number);
    }
    return most;
  }

  replayed(): void {
    this.change();
  }

  private change(): void {
    this.lengthsNow = undefined;
  }

  private columnIndex(name: string): number {
    const { columns } = this.options.traits;
    const index = columns.indexOf(name);
    if (index < 0) throw new Error(`no column '${name}' in this store; there are ${columns.join(", ") || "none"}`);
    return index;
  }

  private contentOf(values: (name: string) => Float32Array | Int32Array | undefined): StoreContent {
    const floats = (name: string) => values(name) as Float32Array;
    const columns = this.options.traits.columns.map((name) => bitsOf(values(name) as Float32Array));
    return [floats("keys"), floats("values"), floats("sums"), floats("count"), ...columns];
  }

  /** A float column's values, whatever the tensor's type. */
  private floatsOf(tensor: tf.Tensor): Float32Array {
    return tensor.dtype === "int32" ? Float32Array.from(this.backend.ints(tensor)) : this.backend.floats(tensor);
  }
}

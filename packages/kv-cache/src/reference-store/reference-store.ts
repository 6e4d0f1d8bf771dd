import { KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { DropOp, WriteOp } from "../policy.js";
import type { Step } from "../step.js";
import { stepPositions } from "../step.js";
import type { Attended, CallSite, LayerStore, StepTensors, StoreOptions, StoreSnapshot, StoreState } from "../store.js";
import { tensorBytes } from "../tensor-bytes.js";
import { attendOver, fromField, goneField, type OwnEntries } from "./attend-over.js";
import { checkState } from "./check-state.js";
import { closedStates } from "./closed-states.js";
import { packLanes, padLanes, takeRows } from "./lanes.js";
import { emptyMergeTensors, joinLanes, type MergeTensors, mergeTokens, pickLanes, putLanes } from "./merge-state.js";
import { setNewestUntil } from "./newest-until.js";
import { planOverwrites, settleOverwrites } from "./overwrite.js";
import { RaggedTable } from "./ragged-table.js";
import { ReferenceSnapshot } from "./reference-snapshot.js";
import { blankChannel, rotateAndBlank } from "./rotate-and-blank.js";
import { selectKept } from "./select-kept.js";
import { shareTensor } from "./share-tensor.js";
import { lanesOf, rotationOf } from "./step-lanes.js";
import { forEver } from "./visibility.js";

/** Field of a running step: slot of each entry once overwriting is done. */
const placeField = "place";

/**
 * The store that defines what every other must do, in plain TensorFlow.js ops on any backend. Really compact: `liveBytes`
 * is exactly what the tensors hold. It reads decisions and scores on the host to size tensors, so it cannot be recorded.
 */
export class ReferenceStore implements LayerStore {
  private readonly options: StoreOptions;
  private readonly table: RaggedTable;
  private merging: MergeTensors | undefined;
  private peak = 0;
  /** Own entry of each query of a merging chunk: rotated key and value. */
  private own: OwnEntries | undefined;

  constructor(options: StoreOptions) {
    if (options.codec !== "f32") {
      throw new KvfoldError(
        "cache-codec",
        `The reference store keeps entries as f32; '${options.codec}' needs a backend whose store has it. The backend native has bf16 and int8: npm install @kvfold/kernels-cpu, and chooseBackend({ prefer: "native" }).`,
      );
    }
    this.options = options;
    const { headDim } = options.shape;
    const lanes = options.rows * options.shape.kvHeads;
    this.table = new RaggedTable({}, lanes);
    tf.tidy(() => {
      this.table.setField("keys", tf.zeros([0, headDim]));
      this.table.setField("values", tf.zeros([0, headDim]));
      for (const column of options.traits.columns) {
        this.table.setField(column, tf.zeros([0], isIndex(column) ? "int32" : "float32"));
      }
      const window = options.traits.mergeWindow;
      if (window !== undefined) this.setMerging(emptyMergeTensors(lanes, 2 * headDim, window));
    });
  }

  get rows(): number {
    return this.table.lengths.length / this.options.shape.kvHeads;
  }

  write(step: Step, tensors: StepTensors, op: WriteOp, site: CallSite): void {
    tf.tidy(() => {
      if (op.op === "append") this.append(step, tensors, op, site);
      else if (op.op === "merge") this.merge(step, tensors, op, site);
      else this.overwrite(step, tensors, op, site);
    });
    this.notePeak();
  }

  attend(step: Step, tensors: StepTensors, site: CallSite): Attended {
    const { table, own, options } = this;
    return attendOver({ table, own, options }, step, tensors, site);
  }

  drop(step: Step, op: DropOp): void {
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    const laneLengths = lanes.map((lane) => this.table.lengths[lane] ?? 0);
    const scores = op.op === "drop-range" ? undefined : op.scores.dataSync();
    const kept = selectKept(op, laneLengths, this.options.shape.kvHeads, scores);
    if (kept.every((slots, i) => slots.length === laneLengths[i])) return;
    const byLane = new Map(lanes.map((lane, i) => [lane, kept[i]]));
    this.table.keep(this.table.lengths.map((_, lane) => byLane.get(lane)));
  }

  finish(): void {
    if (placeField in this.table.fields) this.settle();
    this.table.removeField(fromField);
    this.setOwn(undefined);
  }

  column(step: Step, name: string): tf.Tensor3D {
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    return padLanes(this.table.packed(name, lanes), this.lengthsOf(lanes), this.options.shape.kvHeads) as tf.Tensor3D;
  }

  setColumn(step: Step, name: string, value: tf.Tensor3D): void {
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    const slots = value.shape[2];
    const packed = this.lengthsOf(lanes).flatMap((length, lane) => Array.from({ length }, (_, i) => lane * slots + i));
    tf.tidy(() => {
      const flat = tf.reshape(value, [value.size]);
      const full = packed.length === value.size;
      this.table.setPacked(name, lanes, full ? flat : takeRows(flat, Int32Array.from(packed)));
    });
  }

  entries(step: Step, part: "keys" | "values"): tf.Tensor4D {
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    return padLanes(this.table.packed(part, lanes), this.lengthsOf(lanes), this.options.shape.kvHeads) as tf.Tensor4D;
  }

  laneLengths(): readonly number[] {
    return this.table.lengths;
  }

  crop(entries: readonly number[]): void {
    const { kvHeads } = this.options.shape;
    const first = (lane: number) => Math.min(entries[Math.floor(lane / kvHeads)] ?? 0, this.table.lengths[lane] ?? 0);
    this.table.keep(this.table.lengths.map((_, lane) => Array.from({ length: first(lane) }, (_, i) => i)));
  }

  addRows(count: number): void {
    this.selectRows([...Array(this.rows).keys(), ...new Array<number>(count).fill(-1)]);
  }

  selectRows(rows: readonly number[]): void {
    const { kvHeads, headDim } = this.options.shape;
    const lanes = rows.flatMap((row) =>
      Array.from({ length: kvHeads }, (_, head) => (row < 0 ? -1 : row * kvHeads + head)),
    );
    tf.tidy(() => {
      const old = this.merging;
      const window = this.options.traits.mergeWindow;
      if (old && window !== undefined) {
        const empty = emptyMergeTensors(1, 2 * headDim, window);
        const total = this.table.lengths.length;
        this.setMerging(
          pickLanes(
            joinLanes(old, empty),
            lanes.map((lane) => (lane < 0 ? total : lane)),
          ),
        );
      }
      this.table.selectLanes(lanes);
    });
  }

  lengths(step: Step): tf.Tensor {
    const { kvHeads } = this.options.shape;
    return tf.tensor2d(this.lengthsOf(lanesOf(step, this.options.shape.kvHeads)), [step.rows.length, kvHeads], "int32");
  }

  get peakEntries(): number {
    return this.peak;
  }

  snapshot(): StoreSnapshot {
    return new ReferenceSnapshot(this.exportState());
  }

  restore(snapshot: StoreSnapshot): void {
    this.importState((snapshot as ReferenceSnapshot).state);
  }

  exportState(): StoreState {
    const tensors: Record<string, tf.Tensor> = {};
    for (const [name, tensor] of Object.entries(this.allTensors())) tensors[name] = tf.keep(shareTensor(tensor));
    return { tensors, lengths: [...this.table.lengths] };
  }

  importState(state: StoreState): void {
    checkState(state, Object.keys(this.table.fields), Object.keys(this.merging ?? {}));
    for (const name of Object.keys(this.table.fields)) this.table.setField(name, state.tensors[name] as tf.Tensor);
    this.table.lengths = [...state.lengths];
    const { sums, count } = state.tensors;
    if (sums && count) this.setMerging({ sums, count: count as tf.Tensor1D });
    this.notePeak();
  }

  get stateBytes(): number {
    return this.merging ? tensorBytes(this.merging.sums) + tensorBytes(this.merging.count) : 0;
  }

  get liveBytes(): number {
    let sum = 0;
    for (const bytes of this.buffers().values()) sum += bytes;
    return sum;
  }

  buffers(): ReadonlyMap<object, number> {
    return new Map(Object.values(this.allTensors()).map((t) => [t.dataId, tensorBytes(t)]));
  }

  dispose(): void {
    this.finish();
    this.table.dispose();
    this.setMerging(undefined);
  }

  private append(step: Step, tensors: StepTensors, op: WriteOp & { op: "append" }, site: CallSite): void {
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    if (op.previousUntil) setNewestUntil(this.table, lanes, op.previousUntil);
    const counts = this.perStepLane(lanes, (row) => step.lengths[row] ?? 0);
    const positions = stepPositions(step);
    const stored =
      this.options.traits.rotation === "at-write"
        ? rotateAndBlank(tensors.k, { ...rotationOf(step, site, this.options.shape, "keys"), positions })
        : tensors.k;
    const at = packLanes(this.laneTensor(step, positions), step.lengths);
    this.writeFields(step, counts, new Array(counts.length).fill(0), {
      keys: packLanes(stored, step.lengths),
      values: packLanes(tensors.v, step.lengths),
      position: at,
      [fromField]: at,
      until: op.until ? packLanes(op.until, step.lengths) : tf.fill(at.shape, forEver, "int32"),
    });
  }

  private merge(step: Step, tensors: StepTensors, op: WriteOp & { op: "merge" }, site: CallSite): void {
    const { shape, traits } = this.options;
    const window = traits.mergeWindow;
    if (window === undefined || this.merging === undefined) {
      throw new Error("a policy that merges must declare mergeWindow in its traits");
    }
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    const [rows, heads, tokens] = [step.rows.length, shape.kvHeads, step.tokens];
    const opensText = Float32Array.from(stepPositions(step), (position) => (position === 0 ? 0 : 1));
    const merge = tf.mul(op.merge, tf.tensor(opensText, [rows, 1, tokens])) as tf.Tensor3D;
    const all = lanes.length === this.table.lengths.length;
    const { borrowed } = site;
    const k = borrowed?.keys ? blankChannel(tensors.k, borrowed.channel, "all", 1) : tensors.k;
    const { pooled, state } = mergeTokens(
      {
        items: tf.reshape(tf.concat([k, tensors.v], -1), [rows * heads, tokens, 2 * shape.headDim]),
        merge: tf.reshape(merge, [rows * heads, tokens]),
        omega: tf.reshape(op.omega, [rows * heads, tokens]),
        starts: lanes.map((_, i) => step.starts[Math.floor(i / heads)] ?? 0),
        lengths: lanes.map((_, i) => step.lengths[Math.floor(i / heads)] ?? 0),
      },
      all ? this.merging : pickLanes(this.merging, lanes),
      window,
    );
    this.setMerging(all ? state : putLanes(this.merging, lanes, state));
    this.writeStates(step, pooled, merge.dataSync(), site);
  }

  /** Writes the states after closed segments and the open one; a chunk also keeps every state as its query's own entry. */
  private writeStates(step: Step, pooled: tf.Tensor3D, merge: ArrayLike<number>, site: CallSite): void {
    const { shape } = this.options;
    const [rows, heads, tokens] = [step.rows.length, shape.kvHeads, step.tokens];
    const positions = stepPositions(step);
    const dims = [rows, heads, tokens, shape.headDim] as const;
    const half = (start: number) =>
      tf.reshape(tf.slice(pooled, [0, 0, start], [-1, -1, dims[3]]), [...dims]) as tf.Tensor4D;
    const keys = rotateAndBlank(half(0), { ...rotationOf(step, site, this.options.shape, "keys"), positions });
    const values = half(shape.headDim);
    if (tokens > 1) this.setOwn({ keys, values });
    const stored = this.options.traits.rotation === "at-write" ? keys : half(0);
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    const lengths = lanes.map((_, i) => step.lengths[Math.floor(i / heads)] ?? 0);
    const closed = closedStates(merge, tokens, lengths);
    const counts = new Array<number>(this.table.lengths.length).fill(0);
    const replaces = new Array<number>(this.table.lengths.length).fill(0);
    lanes.forEach((lane, i) => {
      counts[lane] = closed.counts[i] ?? 0;
      replaces[lane] = closed.continues[i] && (this.table.lengths[lane] ?? 0) > 0 ? 1 : 0;
    });
    // one gather for a chunk: the number of kernel calls depends neither on the prompt's length nor on the decisions
    const indices = tf.tensor1d(closed.indices as number[], "int32");
    const take = (x: tf.Tensor) => {
      const flat = tf.reshape(x, [rows * heads * tokens, ...x.shape.slice(3)]);
      return tokens === 1 ? flat : tf.gather(flat, indices);
    };
    const at = take(this.laneTensor(step, positions));
    // a state is visible to the queries after its last token; until then each query sees its own state
    this.writeFields(step, counts, replaces, {
      keys: take(stored),
      values: take(values),
      position: at,
      [fromField]: tf.add(at, tf.scalar(1, "int32")),
      until: tf.fill(at.shape, forEver, "int32"),
    });
  }

  private overwrite(step: Step, tensors: StepTensors, op: WriteOp & { op: "overwrite" }, site: CallSite): void {
    const { kvHeads } = this.options.shape;
    const slots = op.slot.dataSync();
    const lanes = lanesOf(step, this.options.shape.kvHeads);
    const plans = this.table.lengths.map((length, lane) => {
      const i = lanes.indexOf(lane);
      const row = Math.floor(i / kvHeads);
      const own = i < 0 ? [] : [...slots.subarray(i * step.tokens, i * step.tokens + (step.lengths[row] ?? 0))];
      return planOverwrites(length, own, step.starts[row] ?? 0);
    });
    this.append(step, tensors, { op: "append" }, site);
    const setField = (name: string, part: "gone" | "place") =>
      this.table.setField(name, tf.tensor1d(Int32Array.from(plans.flatMap((plan) => plan[part]))));
    setField(goneField, "gone");
    setField(placeField, "place");
    // what a chunk replaces is still there for the queries before; a single query never sees it
    if (step.tokens === 1) this.settle();
  }

  /** Drops replaced entries and puts the others into their slots. */
  private settle(): void {
    const places = this.table.field(placeField).dataSync();
    for (const name of [goneField, placeField]) this.table.removeField(name);
    settleOverwrites(this.table, places);
  }

  private writeFields(step: Step, counts: number[], replaceLast: number[], values: Record<string, tf.Tensor>): void {
    if (step.tokens > 1)
      this.table.setField(fromField, tf.zeros([this.table.field("keys").shape[0] as number], "int32"));
    const fields: Record<string, tf.Tensor> = {};
    const fresh = counts.reduce((a, b) => a + b, 0);
    for (const name of Object.keys(this.table.fields)) fields[name] = values[name] ?? tf.zeros([fresh]);
    this.table.write({ fields, counts, replaceLast });
  }

  /** int32 `[rows, kvHeads, tokens]` from numbers of each row and token. */
  private laneTensor(step: Step, perToken: Int32Array): tf.Tensor3D {
    const base = tf.tensor3d(perToken, [step.rows.length, 1, step.tokens], "int32");
    return tf.tile(base, [1, this.options.shape.kvHeads, 1]);
  }

  private lengthsOf(lanes: readonly number[]): number[] {
    return lanes.map((lane) => this.table.lengths[lane] ?? 0);
  }

  /** One number for each lane of the store: `value(row of the step)` for lanes of the step, else 0. */
  private perStepLane(lanes: readonly number[], value: (row: number) => number): number[] {
    const all = new Array<number>(this.table.lengths.length).fill(0);
    lanes.forEach((lane, i) => {
      all[lane] = value(Math.floor(i / this.options.shape.kvHeads));
    });
    return all;
  }

  private notePeak(): void {
    this.peak = Math.max(
      this.peak,
      this.table.lengths.reduce((a, b) => a + b, 0),
    );
  }

  private setMerging(next: MergeTensors | undefined): void {
    const old = this.merging;
    this.merging = next && { sums: tf.keep(shareTensor(next.sums)), count: tf.keep(shareTensor(next.count)) };
    old?.sums.dispose();
    old?.count.dispose();
  }

  private setOwn(next: OwnEntries | undefined): void {
    const old = this.own;
    this.own = next && { keys: tf.keep(shareTensor(next.keys)), values: tf.keep(shareTensor(next.values)) };
    old?.keys.dispose();
    old?.values.dispose();
  }

  private allTensors(): Record<string, tf.Tensor> {
    return { ...this.table.fields, ...this.merging };
  }
}

function isIndex(column: string): boolean {
  return column === "position" || column === "until";
}

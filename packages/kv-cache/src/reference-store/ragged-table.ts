import { cacheWrite } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { concatRows, sliceRows, takeRows } from "./lanes.js";
import { shareTensor } from "./share-tensor.js";

/** What one write adds to a {@link RaggedTable}: a value for every field, lane-major. */
export interface TableWrite {
  readonly fields: Readonly<Record<string, tf.Tensor>>;
  /** New entries of each lane. */
  readonly counts: readonly number[];
  /** 1 where the first new entry overwrites the lane's last one. */
  readonly replaceLast: readonly number[];
}

/**
 * Entries of many lanes, really compact: every field is one tensor `[N, ...]` with the lanes one after the other, so
 * lanes of 10 and 1,000 entries cost 1,010. Tensors are never changed in place, so copies share memory until written.
 */
export class RaggedTable {
  /** Fields by name; each has the entries of all lanes on axis 0. */
  fields: Record<string, tf.Tensor>;
  /** Entries of each lane. */
  lengths: number[];

  /** @param empty one tensor with 0 entries a field; the table takes them over */
  constructor(empty: Record<string, tf.Tensor>, lanes: number) {
    this.fields = empty;
    this.lengths = new Array(lanes).fill(0);
  }

  /** A field; throws a programming error when the policy did not declare it. */
  field(name: string): tf.Tensor {
    const field = this.fields[name];
    if (!field) throw new Error(`no field '${name}' in this store; there are ${Object.keys(this.fields).join(", ")}`);
    return field;
  }

  write(change: TableWrite): void {
    const attrs = { laneLengths: this.lengths, freshCounts: change.counts, replaceLast: change.replaceLast };
    this.replaceAll((entries, name) => cacheWrite({ entries, fresh: change.fields[name] as tf.Tensor }, attrs));
    this.lengths = this.lengths.map((n, lane) => n - (change.replaceLast[lane] ?? 0) + (change.counts[lane] ?? 0));
  }

  /** Keeps the named slots of each lane (ascending); undefined keeps the whole lane. */
  keep(slots: readonly (readonly number[] | undefined)[]): void {
    const starts = this.starts();
    const kept = slots.map((list, lane) => list ?? Array.from({ length: this.lengths[lane] ?? 0 }, (_, i) => i));
    const indices = Int32Array.from(kept.flatMap((list, lane) => list.map((slot) => (starts[lane] ?? 0) + slot)));
    this.replaceAll((entries) => takeRows(entries, indices));
    this.lengths = kept.map((list) => list.length);
  }

  /** Takes these lanes, in this order, as the new lanes; -1 is a new empty lane. */
  selectLanes(lanes: readonly number[]): void {
    const starts = this.starts();
    const indices: number[] = [];
    for (const lane of lanes) {
      const start = starts[lane] ?? 0;
      for (let slot = 0; slot < (this.lengths[lane] ?? 0); slot++) indices.push(start + slot);
    }
    this.replaceAll((entries) => takeRows(entries, Int32Array.from(indices)));
    this.lengths = lanes.map((lane) => this.lengths[lane] ?? 0);
  }

  /** A field's entries of some lanes, packed; the field itself when these are all lanes. */
  packed(name: string, lanes: readonly number[]): tf.Tensor {
    const field = this.field(name);
    if (this.areAll(lanes)) return field;
    const starts = this.starts();
    const full = lanes.filter((lane) => (this.lengths[lane] ?? 0) > 0);
    if (full.length === 0) return sliceRows(field, 0, 0);
    return tf.concat(
      full.map((lane) => sliceRows(field, starts[lane] ?? 0, this.lengths[lane] ?? 0)),
      0,
    );
  }

  /** Replaces one field's entries of some lanes by packed values. */
  setPacked(name: string, lanes: readonly number[], packed: tf.Tensor): void {
    if (this.areAll(lanes)) {
      this.setField(name, packed);
      return;
    }
    const starts = this.starts();
    const at = new Map<number, number>();
    let offset = 0;
    for (const lane of lanes) {
      at.set(lane, offset);
      offset += this.lengths[lane] ?? 0;
    }
    const pieces = this.lengths.map((length, lane) => {
      const from = at.get(lane);
      return from === undefined
        ? sliceRows(this.field(name), starts[lane] ?? 0, length)
        : sliceRows(packed, from, length);
    });
    this.setField(name, concatRows(pieces, packed));
  }

  /** First index of each lane. */
  starts(): number[] {
    let sum = 0;
    return this.lengths.map((length) => {
      sum += length;
      return sum - length;
    });
  }

  /** Adds or replaces a field; the old tensor is disposed. */
  setField(name: string, value: tf.Tensor): void {
    const old = this.fields[name];
    this.fields[name] = tf.keep(shareTensor(value));
    old?.dispose();
  }

  removeField(name: string): void {
    this.fields[name]?.dispose();
    delete this.fields[name];
  }

  dispose(): void {
    for (const name of Object.keys(this.fields)) this.removeField(name);
  }

  private areAll(lanes: readonly number[]): boolean {
    return lanes.length === this.lengths.length && lanes.every((lane, i) => lane === i);
  }

  private replaceAll(change: (entries: tf.Tensor, name: string) => tf.Tensor): void {
    tf.tidy(() => {
      for (const [name, entries] of Object.entries(this.fields)) this.setField(name, change(entries, name));
    });
  }
}

import type { Rope } from "@kvfold/core";
import type { Tensor, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { BorrowedChannel, DropOp, LayerShape, PolicyTraits, WriteOp } from "./policy.js";
import type { Step } from "./step.js";

/** What a store is made for. */
export interface StoreOptions {
  readonly shape: LayerShape;
  readonly traits: PolicyTraits;
  /** Number of sequences; each has `kvHeads` lanes. */
  readonly rows: number;
  /** Storage of closed entries. The reference store has `f32`; others may add `bf16`, `int8`. */
  readonly codec: string;
}

/** How attention reads at this call site: the same for every policy. */
export interface CallSite {
  /** Rotation by position; undefined for layers without RoPE. */
  readonly rope: Rope | undefined;
  /** Multiplies scores. Default at the call site: 1 / sqrt(headDim). */
  readonly scale: number;
  /** Sliding window of the model: a key is visible while query position - key position < window. */
  readonly window: number | undefined;
  /** Channel that the model gave away in retrofitting; blanked under every policy. */
  readonly borrowed: BorrowedChannel | undefined;
}

/** Un-rotated tokens to write or to attend with. */
export interface StepTensors {
  readonly q: Tensor4D;
  readonly k: Tensor4D;
  readonly v: Tensor4D;
}

/** Attention over a store. */
export interface Attended {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly out: Tensor4D;
  /** Rotated queries, for `observe`. */
  readonly q: Tensor4D;
  /** `[rows, kvHeads, slots]`, when the traits ask for mass. */
  readonly mass?: Tensor3D;
}

/** Names a piece of memory, so that what several hold is counted once: an object, or the address of a page. */
export type BufferId = object | number;

/** A store's content at one moment, for forks and checkpoints: pages or tensors that it shares with the store. */
export interface StoreSnapshot {
  /** Memory behind it: identity → bytes. */
  buffers(): ReadonlyMap<BufferId, number>;
  /** Lets go of it; the holder's duty. */
  dispose(): void;
}

/** A store's content as plain tensors and numbers, for files. */
export interface StoreState {
  /** Named tensors; the holder owns them. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Entries of each lane, row-major. */
  readonly lengths: readonly number[];
}

/**
 * Holds the entries of one layer, all rows. A lane is (row, KV head); every lane has its own length. A store knows
 * nothing of policies: it carries out write and drop ops, and rotates and blanks where the call site says, so that a
 * native store can fuse these with the write.
 *
 * Order of calls in a step: write, any drops, attend, any drops, finish.
 */
export interface LayerStore {
  readonly rows: number;
  write(step: Step, tensors: StepTensors, op: WriteOp, site: CallSite): void;
  attend(step: Step, tensors: StepTensors, site: CallSite): Attended;
  drop(step: Step, op: DropOp): void;
  /** Ends the step: releases what only this step's attention needed. */
  finish(): void;
  /** Told when a recorded step has changed the content. Only stores whose steps can be recorded need it. */
  replayed?(): void;
  /** A column of the step's rows `[rows, kvHeads, slots]`. */
  column(step: Step, name: string): Tensor3D;
  setColumn(step: Step, name: string, value: Tensor3D): void;
  /** Keys or values of the step's rows `[rows, kvHeads, slots, headDim]`. */
  entries(step: Step, part: "keys" | "values"): Tensor4D;
  /** Entries of each lane, row-major; reads the device if lengths live there, so never asked for inside a step. */
  laneLengths(): readonly number[];
  /** int32 `[rows, kvHeads]` of the step: the same on the device. */
  lengths(step: Step): Tensor;
  /** Most entries that all lanes together ever held, inside a step too. */
  readonly peakEntries: number;
  /** Keeps only the first `entries[row]` entries of each lane of each row (lossless policies). */
  crop(entries: readonly number[]): void;
  /** Adds empty rows; returns nothing, new rows have the highest numbers. */
  addRows(count: number): void;
  /** Keeps the named rows, in this order; a row named twice is copied (beam search). */
  selectRows(rows: readonly number[]): void;
  /** The content as it is now; costs only what later writes replace. */
  snapshot(): StoreSnapshot;
  /** Returns to a snapshot that a store of the same kind made (which stays the caller's). */
  restore(snapshot: StoreSnapshot): void;
  /** The content as plain tensors, for files; the caller disposes them. */
  exportState(): StoreState;
  /** Replaces the content by plain tensors (which stay the caller's). @throws KvfoldError `cache-state` when they do not fit */
  importState(state: StoreState): void;
  /** Bytes that the allocator holds for this store. */
  readonly liveBytes: number;
  /** The part of `liveBytes` that does not grow with entries: running averages and rings of merging lanes. */
  readonly stateBytes: number;
  /** The buffers behind `liveBytes`, so that shared ones can be counted once: identity → bytes. */
  buffers(): ReadonlyMap<BufferId, number>;
  dispose(): void;
}

/** Makes the stores of one backend. */
export interface StoreFactory {
  (options: StoreOptions): LayerStore;
  /** What the stores' own allocator holds now, for all of them together. Absent: their memory is TensorFlow.js's tensors. */
  readonly allocatedBytes?: () => number;
}

/** A backend's own stores; for options that it gives `undefined` for, caches take the reference store. */
export interface OwnStoreFactory {
  (options: StoreOptions): LayerStore | undefined;
  readonly allocatedBytes?: () => number;
}

import type { Rope } from "@kvfold/core";
import type { RecordedStep, Step, StepFill, StepRecorder } from "@kvfold/kv-cache";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { BufferPool } from "./buffer-pool.js";
import type { NativeAddon, RecordingHandle } from "./native-addon.js";

/** Memory that a recorded step finds its values in. */
interface StepInput {
  readonly values: Float32Array | Int32Array;
  readonly fill: StepFill;
}

/** Angles of a step's tokens, in memory that replays fill again. */
export interface RecordedAngles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly half: number;
}

/**
 * The recorder of the `native` backend. The addon notes its calls with their addresses; this class sees to it that the
 * addresses stay good: what the step takes from the pool is the recording's until that is disposed of, and what changes
 * from step to step lies in memory of its own.
 */
export class NativeStepRecorder implements StepRecorder {
  readonly #addon: NativeAddon;
  readonly #pool: BufferPool;
  readonly #valuesOf: (tensor: Tensor) => Float32Array | Int32Array;
  #now: Recorded | undefined;
  /** Live recordings' buffers, and whose they are. */
  readonly #owners = new WeakMap<ArrayBufferLike, Recorded>();

  constructor(addon: NativeAddon, pool: BufferPool, valuesOf: (tensor: Tensor) => Float32Array | Int32Array) {
    this.#addon = addon;
    this.#pool = pool;
    this.#valuesOf = valuesOf;
  }

  get recording(): boolean {
    return this.#now !== undefined;
  }

  begin(): void {
    this.#addon.recordBegin();
    this.#now = new Recorded(this.#addon, this.#pool);
  }

  end(): RecordedStep | { readonly reason: string } {
    const recorded = this.#stop();
    const { refusal } = recorded;
    const handle = this.#addon.recordEnd(refusal === undefined);
    if (refusal === undefined && handle !== undefined) {
      recorded.handle = handle;
      return recorded;
    }
    recorded.dispose();
    return { reason: refusal ?? "it calls native code whose arguments change from step to step" };
  }

  cancel(): void {
    const recorded = this.#stop();
    this.#addon.recordEnd(false);
    recorded.dispose();
  }

  pause(): () => void {
    const now = this.#now;
    const handle = this.#addon.recordPause();
    this.#now = undefined;
    return () => {
      this.#addon.recordResume(handle);
      this.#now = now;
    };
  }

  refuse(reason: string): void {
    if (this.#now) this.#now.refusal ??= reason;
  }

  input(tensor: Tensor, fill: StepFill): void {
    const now = this.#now;
    if (now === undefined) return;
    now.strangers.delete(tensor.dataId);
    now.inputs.push({ values: this.#valuesOf(tensor), fill });
  }

  /** While recording: the step's numbers, in memory that replays fill again. */
  numbers(numbers: Int32Array): Int32Array {
    return this.#now ? this.#now.numbers(numbers) : numbers;
  }

  /** While recording: a copy of the angles of a step that replays fill again; `of` gives them for any step. */
  angles(rope: Rope, step: Step, of: (step: Step) => RecordedAngles): RecordedAngles {
    return this.#now ? this.#now.angles(rope, step, of) : of(step);
  }

  /** While recording: memory for a tensor, which stays the recording's. */
  take(bytes: number): ArrayBuffer | undefined {
    if (this.#now === undefined) return undefined;
    const buffer = this.#now.take(bytes);
    this.#owners.set(buffer, this.#now);
    return buffer;
  }

  /** Memory of a tensor that is gone. @returns false when it is no recording's */
  give(buffer: ArrayBuffer): boolean {
    return this.#owners.get(buffer)?.give(buffer) ?? false;
  }

  /** While recording: values come from outside of the backend; an error unless {@link input} says how they come again. */
  wrote(dataId: object): void {
    this.#now?.strangers.add(dataId);
  }

  /** While recording: these values are not the step's, and stay as they are. */
  known(tensor: Tensor): void {
    this.#now?.strangers.delete(tensor.dataId);
  }

  #stop(): Recorded {
    const recorded = this.#now;
    if (recorded === undefined) throw new Error("no recording is under way");
    this.#now = undefined;
    if (recorded.strangers.size > 0) recorded.refusal ??= "it makes tensors from values of JavaScript";
    // its result is one; with others a policy would go on from where this step left off, which replays do not see
    if (recorded.liveBuffers > 1) recorded.refusal ??= "it keeps tensors for later steps";
    return recorded;
  }
}

/** One recording, under way or done. */
class Recorded implements RecordedStep {
  readonly strangers = new Set<object>();
  readonly inputs: StepInput[] = [];
  refusal: string | undefined;
  handle: RecordingHandle | undefined;
  readonly #addon: NativeAddon;
  readonly #pool: BufferPool;
  /** By size; tensors of the step that are gone lend theirs to later ones. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  readonly #used = new Set<ArrayBuffer>();
  readonly #angles = new Map<Rope, { readonly memory: RecordedAngles; readonly of: (step: Step) => RecordedAngles }>();
  #numbers: Int32Array | undefined;
  #disposed = false;

  constructor(addon: NativeAddon, pool: BufferPool) {
    this.#addon = addon;
    this.#pool = pool;
  }

  /** Tensors and other memory of the step that are still in use. */
  get liveBuffers(): number {
    return this.#used.size;
  }

  replay(step: Step): boolean {
    this.#addon.recordReplay(this.#prepared(step), 0, Number.POSITIVE_INFINITY);
    return true;
  }

  *replayInParts(step: Step, milliseconds: number): Generator<void, boolean> {
    const handle = this.#prepared(step);
    for (let next = 0; ; ) {
      next = this.#addon.recordReplay(handle, next, milliseconds);
      if (next === 0) return true;
      yield;
    }
  }

  /** Fills the memory that the step's values are read from. */
  #prepared(step: Step): RecordingHandle {
    if (this.handle === undefined || this.#disposed) throw new RangeError("this recording was disposed of");
    this.#numbers?.set([...step.rows, ...step.lengths, ...step.starts]);
    for (const { memory, of } of this.#angles.values()) {
      const { cos, sin } = of(step);
      memory.cos.set(cos);
      memory.sin.set(sin);
    }
    for (const { values, fill } of this.inputs) values.set(fill(step));
    return this.handle;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.handle !== undefined) this.#addon.recordDispose(this.handle);
    for (const list of this.#free.values()) for (const buffer of list) this.#pool.give(buffer);
    this.#free.clear();
  }

  numbers(numbers: Int32Array): Int32Array {
    this.#numbers ??= numbers.slice();
    if (!sameNumbers(this.#numbers, numbers)) this.refusal ??= "its layers see different steps";
    return this.#numbers;
  }

  angles(rope: Rope, step: Step, of: (step: Step) => RecordedAngles): RecordedAngles {
    let held = this.#angles.get(rope);
    if (held === undefined) {
      const { cos, sin, half } = of(step);
      held = { memory: { cos: cos.slice(), sin: sin.slice(), half }, of };
      this.#angles.set(rope, held);
    }
    return held.memory;
  }

  take(bytes: number): ArrayBuffer {
    const size = this.#pool.sizeOf(bytes);
    const buffer = this.#free.get(size)?.pop() ?? this.#pool.take(bytes);
    this.#used.add(buffer);
    return buffer;
  }

  /** @returns false for memory that went back to the pool with this recording and is someone else's now */
  give(buffer: ArrayBuffer): boolean {
    if (!this.#used.delete(buffer)) return false;
    if (this.#disposed) {
      this.#pool.give(buffer);
      return true;
    }
    const list = this.#free.get(buffer.byteLength);
    if (list === undefined) this.#free.set(buffer.byteLength, [buffer]);
    else list.push(buffer);
    return true;
  }
}

function sameNumbers(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

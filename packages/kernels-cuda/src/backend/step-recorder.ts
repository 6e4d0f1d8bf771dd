import type { Rope } from "@kvfold/core";
import type { RecordedStep, Step, StepFill, StepRecorder } from "@kvfold/kv-cache";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { CudaEngine } from "../engine/cuda-engine.js";
import { WorkRecording } from "../engine/work-recording.js";
import { type InputValues, StepInputs } from "./step-inputs.js";
import type { TensorData } from "./tensor-data.js";

/** Angles of a step's tokens on the host, float32 `[rows, tokens, half]`. */
export interface HostAngles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly half: number;
}

/** The same on the device, by their addresses. */
export interface DeviceAngles {
  readonly cos: number;
  readonly sin: number;
  readonly half: number;
}

/** Memory outside of the step that its kernels go to: while what it names is the same, their addresses are good. */
export type Footing = () => readonly unknown[];

/**
 * The recorder of the `cuda` backend. The engine notes what a step launches, and a graph of that is launched again; this class
 * sees to it that the graph stays true: what changes from step to step lies in memory that replays fill, and stores say what
 * they do on the host and where their memory is.
 */
export class CudaStepRecorder implements StepRecorder {
  readonly #engine: CudaEngine;
  readonly #dataOf: (tensor: Tensor) => TensorData;
  #now: Recorded | undefined;

  constructor(engine: CudaEngine, dataOf: (tensor: Tensor) => TensorData) {
    this.#engine = engine;
    this.#dataOf = dataOf;
  }

  get recording(): boolean {
    return this.#now !== undefined;
  }

  begin(): void {
    this.#now = new Recorded(this.#engine);
    this.#engine.record(this.#now.work);
  }

  end(): ReturnType<StepRecorder["end"]> {
    const recorded = this.#stop();
    const { work } = recorded;
    if (recorded.strangers.size > 0) work.refuse("it makes tensors from values of JavaScript");
    // its result is one; with others a policy would go on from where this step left off, which replays do not see
    if (work.heldBlocks > 1) work.refuse("it keeps tensors for later steps");
    const again = work.refusal === undefined && !recorded.isTrue();
    if (work.refusal === undefined && !again && work.finish()) return recorded;
    recorded.dispose();
    return { reason: work.refusal ?? "memory of the cache has moved on the way", again };
  }

  cancel(): void {
    this.#stop().dispose();
  }

  refuse(reason: string): void {
    this.#now?.work.refuse(reason);
  }

  input(tensor: Tensor, fill: StepFill): void {
    const now = this.#now;
    if (now === undefined) return;
    now.strangers.delete(tensor.dataId);
    const data = this.#dataOf(tensor);
    if (data.onHost) data.placeAt(now.inputs.lend(data.values as InputValues, fill));
    else now.work.refuse("an input of it lies on the device already");
  }

  /** Numbers that a step determines, by their address; undefined when nothing is recorded. */
  numbers(of: (step: Step) => Int32Array, step: Step): number | undefined {
    return this.#now?.numbers(of, step);
  }

  /** Angles of the step's tokens, as {@link numbers}. */
  angles(rope: Rope, step: Step, of: (step: Step) => HostAngles): DeviceAngles | undefined {
    return this.#now?.angles(rope, step, of);
  }

  /** While recording: what a replay does on the host first, and what must be as it is now behind that. */
  relyOn(footing: Footing, onReplay: (step: Step) => void): void {
    this.#now?.relyOn(footing, onReplay);
  }

  /** While recording: values come from outside of the backend; an error unless {@link input} says how they come again. */
  wrote(dataId: object): void {
    this.#now?.strangers.add(dataId);
  }

  /** While recording: true for values that came from outside and are the step's own. */
  isStranger(dataId: object): boolean {
    return this.#now?.strangers.has(dataId) ?? false;
  }

  /** While recording: these values are not the step's, and stay as they are. */
  known(tensor: Tensor): void {
    this.#now?.strangers.delete(tensor.dataId);
  }

  #stop(): Recorded {
    const recorded = this.#now;
    if (recorded === undefined) throw new Error("no recording is under way");
    this.#now = undefined;
    this.#engine.record(undefined);
    return recorded;
  }
}

/** One recording, under way or done. */
class Recorded implements RecordedStep {
  readonly work: WorkRecording;
  readonly inputs: StepInputs;
  readonly strangers = new Set<object>();
  readonly #footings: { readonly of: Footing; readonly values: readonly unknown[] }[] = [];
  readonly #onReplay: ((step: Step) => void)[] = [];
  readonly #angles = new Map<Rope, DeviceAngles>();
  #numbers: { readonly address: number; readonly values: Int32Array } | undefined;

  constructor(engine: CudaEngine) {
    this.work = new WorkRecording(engine);
    this.inputs = new StepInputs(engine);
  }

  replay(step: Step): boolean {
    for (const act of this.#onReplay) act(step);
    if (!this.isTrue()) return false;
    this.inputs.refill(step);
    this.work.run();
    return true;
  }

  /** True while all memory that the step relies on is where it was. */
  isTrue(): boolean {
    return this.#footings.every(({ of, values }) => {
      const now = of();
      return now.length === values.length && now.every((value, i) => value === values[i]);
    });
  }

  dispose(): void {
    this.work.dispose();
    this.inputs.dispose();
  }

  relyOn(of: Footing, onReplay: (step: Step) => void): void {
    this.#footings.push({ of, values: of() });
    this.#onReplay.push(onReplay);
  }

  numbers(of: (step: Step) => Int32Array, step: Step): number {
    const values = of(step);
    this.#numbers ??= { values, address: this.inputs.add(values, of) };
    if (values.some((value, i) => value !== this.#numbers?.values[i]))
      this.work.refuse("its layers see different steps");
    return this.#numbers.address;
  }

  angles(rope: Rope, step: Step, of: (step: Step) => HostAngles): DeviceAngles {
    const known = this.#angles.get(rope);
    if (known !== undefined) return known;
    const { cos, sin, half } = of(step);
    const made = {
      cos: this.inputs.add(cos, (now) => of(now).cos),
      sin: this.inputs.add(sin, (now) => of(now).sin),
      half,
    };
    this.#angles.set(rope, made);
    return made;
  }
}

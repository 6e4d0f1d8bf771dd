import { sharedRegistry } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Step } from "./step.js";

/** Values of a tensor that a step's rows and positions determine. */
export type StepFill = (step: Step) => Float32Array | Int32Array;

/**
 * Records what a backend computes in one decoding step, so that the next ones need no JavaScript: the same kernels on the
 * same memory, with other positions. A kernels package registers one for its backend.
 */
export interface StepRecorder {
  /** True between {@link begin} and {@link end}. */
  readonly recording: boolean;
  /** From now on what is computed is also recorded. Tensors of the step keep their memory until the recording is disposed of. */
  begin(): void;
  /** Ends the recording. @returns why it cannot be replayed, when something of it cannot */
  end(): RecordedStep | Unrecorded;
  /** Ends the recording and forgets it, when the step failed. */
  cancel(): void;
  /**
   * While recording: what is computed is no longer recorded, until the function that it returns is called; for a turn of the
   * event loop, in which others compute. Absent where a step must be recorded without a break.
   */
  pause?(): () => void;
  /** While recording: something was used that a replay does not see; `reason` is a sentence's end. */
  refuse(reason: string): void;
  /** While recording: a tensor of the step whose values a replay computes again. */
  input(tensor: tf.Tensor, fill: StepFill): void;
}

/** Why a step cannot be replayed. */
export interface Unrecorded {
  /** End of a sentence. */
  readonly reason: string;
  /** True when the next step may well be recorded: this one came at a bad moment. Default false. */
  readonly again?: boolean;
}

/** A recorded decoding step. */
export interface RecordedStep {
  /**
   * Runs it again for other positions of the same rows; results are where they were.
   * @returns false when memory of the cache has moved since: nothing was run, and the step must be recorded anew
   * @throws RangeError when memory is short or something of it was disposed of
   */
  replay(step: Step): boolean;
  /**
   * As {@link replay}, and stops wherever a part has taken `milliseconds`, so that the event loop may have a turn; the cache
   * must be held until it is done. Absent where a replay does not keep the processor busy.
   */
  replayInParts?(step: Step, milliseconds: number): Generator<void, boolean>;
  dispose(): void;
}

/** The current backend's recorder; undefined when it has none. */
export function stepRecorder(): StepRecorder | undefined {
  return sharedRegistry<() => StepRecorder>("stepRecorders").get(tf.getBackend())?.();
}

/** Steps as policies see them while they are recorded, and the steps behind them. */
const guarded = new WeakMap<Step, Step>();

/**
 * The step as a policy may see it: while it is recorded, positions read on the host are what a replay does not see, so
 * that a policy which reads them is never replayed with old ones.
 */
export function policyStep(step: Step): Step {
  const recorder = stepRecorder();
  if (!recorder?.recording) return step;
  const seen: Step = {
    ...step,
    get starts() {
      recorder.refuse("the policy reads positions on the host");
      return step.starts;
    },
  };
  guarded.set(seen, step);
  return seen;
}

/**
 * A tensor that depends on nothing but the step: positions, decisions of a schedule. Policies make such tensors by this
 * function, so that a decoding step can be recorded.
 */
export function stepTensor<T extends tf.Tensor>(
  step: Step,
  shape: readonly number[],
  dtype: "float32" | "int32",
  fill: StepFill,
): T {
  const tensor = tf.tensor(fill(guarded.get(step) ?? step), [...shape], dtype) as T;
  const recorder = stepRecorder();
  if (recorder?.recording) recorder.input(tensor, fill);
  return tensor;
}

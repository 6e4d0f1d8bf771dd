import type { Rope } from "@kvfold/core";
import type { Step } from "@kvfold/kv-cache";
import type * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { HostAngles } from "../backend/step-recorder.js";

/** Addresses of the angles of a step's tokens, float32 `[rows, tokens, half]`; 0 without rotation. */
export interface StepAngles {
  readonly cos: number;
  readonly sin: number;
  readonly half: number;
}

/**
 * Angles of the step's tokens, the first of row i at position `starts[i]`, by default its logical one; the rope keeps them for
 * the layers to come.
 */
export function stepAngles(
  backend: CudaBackend,
  step: Step,
  rope: Rope | undefined,
  starts: readonly number[] = step.starts,
): StepAngles {
  if (rope === undefined) return { cos: 0, sin: 0, half: 0 };
  // recorded angles are those of the logical positions
  const recorded =
    starts === step.starts ? backend.recorder.angles(rope, step, (now) => onHost(backend, now, rope)) : undefined;
  if (recorded !== undefined) return recorded;
  const { cos, sin } = anglesOf(step, rope, starts);
  return { cos: backend.address(cos), sin: backend.address(sin), half: cos.shape[cos.rank - 1] as number };
}

function anglesOf(step: Step, rope: Rope, starts = step.starts) {
  const { tokens, rows } = step;
  const positions = new Int32Array(rows.length * tokens);
  for (let i = 0; i < positions.length; i++) {
    positions[i] = Math.max(0, (starts[Math.floor(i / tokens)] as number) + (i % tokens));
  }
  return rope.angles(positions, { shape: [rows.length, tokens], length: longestText(step) });
}

/** The same where a recording takes them up; on the device only where another step wanted them there. */
function onHost(backend: CudaBackend, step: Step, rope: Rope): HostAngles {
  const { cos, sin } = anglesOf(step, rope);
  const valuesOf = (angles: tf.Tensor) => {
    backend.recorder.known(angles); // kept by the rope, whoever asked first
    const known = backend.hostValues(angles) as Float32Array | undefined;
    if (known !== undefined) return known;
    const values = new Float32Array(angles.size);
    backend.engine.apart(() => backend.readInto(angles.dataId, values));
    return values;
  };
  return { cos: valuesOf(cos), sin: valuesOf(sin), half: cos.shape[cos.rank - 1] as number };
}

/** Angles of all positions from 0 to `last`, and more, so that steps to come ask for the same; `[positions, half]`. */
export function keyAngles(
  backend: CudaBackend,
  step: Step,
  rope: Rope | undefined,
  last: number,
): StepAngles & { readonly positions: number } {
  if (rope === undefined) return { cos: 0, sin: 0, half: 0, positions: 0 };
  const positions = Math.max(64, 2 ** Math.ceil(Math.log2(last + 1)));
  const all = Int32Array.from({ length: positions }, (_, position) => position);
  const { cos, sin } = rope.angles(all, { length: longestText(step) });
  return { cos: backend.address(cos), sin: backend.address(sin), half: cos.shape[1] as number, positions };
}

/** Tokens of the longest text behind the step. */
function longestText({ starts, lengths }: Step): number {
  return Math.max(...starts.map((start, row) => start + (lengths[row] ?? 0)));
}

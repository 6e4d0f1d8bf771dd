import type { Rope } from "@kvfold/core";
import type { Step } from "@kvfold/kv-cache";
import type { NativeBackend } from "../native-backend.js";
import type { RecordedAngles } from "../step-recorder.js";

/** Angles of a step's tokens, the first of row i at position `starts[i]`: `[rows * tokens, half]`. */
export function anglesAt(step: Step, starts: readonly number[], rope: Rope, backend: NativeBackend): RecordedAngles {
  const { tokens } = step;
  const positions = new Int32Array(step.rows.length * tokens);
  for (let i = 0; i < positions.length; i++) {
    positions[i] = Math.max(0, (starts[Math.floor(i / tokens)] as number) + (i % tokens));
  }
  const { cos, sin } = rope.angles(positions, { shape: [step.rows.length, tokens], length: lengthOf(step) });
  // kept by the rope from now on, whoever recorded the step in which they were made
  backend.recorder.known(cos);
  backend.recorder.known(sin);
  const half = cos.shape[cos.rank - 1] as number;
  return { half, cos: backend.floats(cos), sin: backend.floats(sin) };
}

/** Tokens of the longest text after the step. */
export function lengthOf(step: Step): number {
  return Math.max(...step.starts.map((start, row) => start + (step.lengths[row] ?? 0)));
}

import type { Rope } from "@kvfold/core";
import type { Step } from "@kvfold/kv-cache";
import type { CudaBackend } from "../backend/cuda-backend.js";

/** Addresses of the angles of a step's tokens, float32 `[rows, tokens, half]`; 0 without rotation. */
export interface StepAngles {
  readonly cos: number;
  readonly sin: number;
  readonly half: number;
}

/** Angles of the step's tokens by their logical positions; the rope keeps them for the layers to come. */
export function stepAngles(backend: CudaBackend, step: Step, rope: Rope | undefined): StepAngles {
  if (rope === undefined) return { cos: 0, sin: 0, half: 0 };
  const { tokens, rows, starts, lengths } = step;
  const positions = new Int32Array(rows.length * tokens);
  for (let i = 0; i < positions.length; i++) {
    positions[i] = (starts[Math.floor(i / tokens)] as number) + (i % tokens);
  }
  const length = Math.max(...starts.map((start, row) => start + (lengths[row] ?? 0)));
  const { cos, sin } = rope.angles(positions, { shape: [rows.length, tokens], length });
  return { cos: backend.address(cos), sin: backend.address(sin), half: cos.shape[cos.rank - 1] as number };
}

import type { Step } from "@kvfold/kv-cache";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block } from "../engine/memory-pool.js";

/** Addresses of a step's numbers on the device. */
export interface StepNumbers {
  readonly step: Step;
  /** int32 `[rows]` each: rows of the store, real tokens, positions of the first tokens. */
  readonly rows: number;
  readonly counts: number;
  readonly positions: number;
}

const last = new WeakMap<CudaEngine, StepNumbers & { readonly block: Block }>();

/** Brings a step's numbers to the device, once for all layers: they see the same step one after the other. */
export function stepNumbers({ engine, recorder }: CudaBackend, step: Step): StepNumbers {
  const recorded = recorder.numbers(numbersOf, step);
  if (recorded !== undefined) return placesOf(step, recorded);
  const known = last.get(engine);
  if (known?.step === step) return known;
  if (known !== undefined) engine.pool.give(known.block);
  const block = engine.pool.take(12 * Math.max(1, step.rows.length), "steps");
  engine.upload(block.address, numbersOf(step));
  const numbers = { ...placesOf(step, block.address), block };
  last.set(engine, numbers);
  return numbers;
}

const numbersOf = (step: Step) => Int32Array.from([...step.rows, ...step.lengths, ...step.starts]);

function placesOf(step: Step, rows: number): StepNumbers {
  const bytes = 4 * step.rows.length;
  return { step, rows, counts: rows + bytes, positions: rows + 2 * bytes };
}

import type { Step } from "@kvfold/kv-cache";
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
export function stepNumbers(engine: CudaEngine, step: Step): StepNumbers {
  const known = last.get(engine);
  if (known?.step === step) return known;
  if (known !== undefined) engine.pool.give(known.block);
  const count = step.rows.length;
  const block = engine.pool.take(12 * Math.max(1, count), "steps");
  engine.upload(block.address, Int32Array.from([...step.rows, ...step.lengths, ...step.starts]));
  const rows = block.address;
  const numbers = { step, block, rows, counts: rows + 4 * count, positions: rows + 8 * count };
  last.set(engine, numbers);
  return numbers;
}

import type { CallSite, Step, StepTensors, WriteOp } from "@kvfold/kv-cache";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { Block } from "../engine/memory-pool.js";
import type { LaneList } from "./lane-list.js";
import { Overwrites } from "./overwrites.js";
import { stepAngles } from "./step-angles.js";
import type { StepNumbers } from "./step-numbers.js";
import { chunkKernels, endLast, stepKernels } from "./store-kernels.js";

/** What the attention of a chunk needs of its write. */
export interface Chunk {
  readonly slots: number;
  readonly from: number;
  readonly oldLengths: number;
  /** 0 where tokens have no state of their own. */
  readonly own: number;
  /** Where tokens replace entries. */
  readonly overwrites: Overwrites | undefined;
  /** Gives the memory back. */
  release(): void;
}

/** Lanes to write to, and the tokens. */
export interface Write {
  readonly list: LaneList;
  readonly step: Step;
  readonly numbers: StepNumbers;
  readonly tensors: StepTensors;
  readonly op: WriteOp;
  readonly site: CallSite;
  readonly group: number;
  /** Whether keys are rotated now, or each time they are read. */
  readonly rotatesAtWrite: boolean;
}

/** Channels that keys and queries lose, as the kernels take them. */
export function blanking({ borrowed }: CallSite, group: number) {
  return {
    blank: borrowed?.keys ? borrowed.channel : -1,
    queryBlank: borrowed?.channel ?? -1,
    blankHeads: borrowed?.queries === "first-of-group" ? 1 : group,
  };
}

/** Writes a step's tokens into their lanes, where room was made. @returns what a chunk's attention needs; undefined for single tokens */
export function writeTokens(backend: CudaBackend, write: Write): Chunk | undefined {
  const { list, step, numbers, tensors, op, site, group, rotatesAtWrite } = write;
  const { engine } = backend;
  const lanes = list.lanesOf(step.rows);
  if (op.op !== "append") list.exact = false;
  if (list.shared) {
    const block = backend.scratch(4 * lanes.length);
    engine.upload(block.address, Int32Array.from(lanes));
    list.ownLast(block.address, lanes.length);
    engine.pool.give(block);
  }
  const addressOf = (tensor: TensorInfo | undefined) => (tensor === undefined ? 0 : backend.address(tensor));
  if (op.op === "append" && op.previousUntil !== undefined) {
    const values = { rows: numbers.rows, until: addressOf(op.previousUntil), store: list.store, lanes: lanes.length };
    engine.launch(endLast, values, { grid: [Math.ceil(lanes.length / 128)], block: [128] });
  }
  const shared = {
    k: backend.address(tensors.k),
    v: backend.address(tensors.v),
    ...stepAngles(backend, step, site.rope),
    rows: numbers.rows,
    positions: numbers.positions,
    until: op.op === "append" ? addressOf(op.until) : 0,
    merge: op.op === "merge" ? addressOf(op.merge) : 0,
    omega: op.op === "merge" ? addressOf(op.omega) : 0,
    pool: list.memory.pool,
    store: list.store,
    rowCount: step.rows.length,
    group,
    ...blanking(site, group),
    rotatesAtWrite: rotatesAtWrite ? 1 : 0,
  };
  // blanked when they are read; averages are made of what attention would see
  if (!rotatesAtWrite && op.op !== "merge") shared.blank = -1;
  if (step.tokens > 1) return writeChunk(backend, write, shared, lanes.length);
  const slots = op.op === "overwrite" ? addressOf(op.slot) : 0;
  const kernel = op.op === "merge" ? stepKernels.kvfold_dmc_step : stepKernels.kvfold_append_step;
  const shape = { grid: [Math.ceil(lanes.length / 8)], block: [256] } as const;
  engine.launch(kernel, { ...shared, slots, finished: engine.zeros(4) }, shape);
  return undefined;
}

function writeChunk(
  backend: CudaBackend,
  { list, step, numbers, op }: Write,
  shared: Readonly<Record<string, unknown>>,
  lanes: number,
): Chunk {
  const { engine } = backend;
  const { tokens } = step;
  const { dims, ringRows } = list.layout;
  const blocks: Block[] = [];
  const take = (words: number) => {
    const block = backend.scratch(4 * words);
    blocks.push(block);
    return block.address;
  };
  const merges = op.op === "merge";
  const kept = {
    slots: take(lanes * tokens),
    from: take(lanes * (tokens + 1)),
    oldLengths: take(lanes),
    own: merges ? take(lanes * tokens * 2 * dims) : 0,
  };
  const [members, weights] = [backend.scratch(4 * lanes * tokens), backend.scratch(4 * lanes * tokens)];
  const scratch = { members: members.address, weights: weights.address };
  const values = { ...shared, ...kept, ...scratch, counts: numbers.counts, tokens };
  const overwrites =
    op.op === "overwrite" ? new Overwrites(backend, list, numbers, backend.address(op.slot)) : undefined;
  const shape = { grid: [Math.ceil(tokens / 8), lanes], block: [256] } as const;
  if (merges) {
    engine.launch(chunkKernels.kvfold_dmc_chunk_plan, values, { grid: [lanes], block: [256] });
    if (ringRows === 1) {
      engine.launch(chunkKernels.kvfold_dmc_chunk_sums, values, {
        grid: [Math.ceil((2 * dims) / 64), lanes],
        block: [64],
      });
    }
    engine.launch(chunkKernels.kvfold_dmc_chunk_write, values, shape);
    engine.launch(chunkKernels.kvfold_dmc_chunk_keep, values, { grid: [lanes], block: [32] });
  } else {
    engine.launch(chunkKernels.kvfold_append_chunk_plan, values, { grid: [lanes], block: [256] });
    engine.launch(chunkKernels.kvfold_append_chunk_write, values, shape);
  }
  engine.pool.give(members);
  engine.pool.give(weights);
  const release = () => {
    for (const block of blocks.splice(0)) engine.pool.give(block);
    overwrites?.release();
  };
  return { ...kept, overwrites, release };
}

import { util } from "@tensorflow/tfjs-core";

/** Consecutive matrices of a batched product whose operands lie at constant distances; all in matrices. */
export interface BatchRun {
  readonly first: number;
  readonly count: number;
  readonly aFirst: number;
  readonly bFirst: number;
  readonly aStep: number;
  readonly bStep: number;
}

/**
 * Cuts a batch, in which each operand's batch dimensions broadcast to `batch`, into as few runs as possible: one when
 * the operands have the same dimensions or one of them is a single matrix.
 */
export function batchRuns(batch: readonly number[], batchA: readonly number[], batchB: readonly number[]): BatchRun[] {
  const indexA = broadcastIndices(batch, batchA);
  const indexB = broadcastIndices(batch, batchB);
  const runs: BatchRun[] = [];
  for (let first = 0; first < indexA.length; ) {
    const [aFirst, bFirst] = [at(indexA, first), at(indexB, first)];
    const more = first + 1 < indexA.length;
    const aStep = more ? Math.max(0, at(indexA, first + 1) - aFirst) : 0;
    const bStep = more ? Math.max(0, at(indexB, first + 1) - bFirst) : 0;
    let count = 1;
    while (
      first + count < indexA.length &&
      at(indexA, first + count) === aFirst + count * aStep &&
      at(indexB, first + count) === bFirst + count * bStep
    ) {
      count++;
    }
    runs.push({ first, count, aFirst, bFirst, aStep, bStep });
    first += count;
  }
  return runs;
}

/** For each matrix of the batch, in order, which matrix of the operand it takes. */
function broadcastIndices(batch: readonly number[], own: readonly number[]): Int32Array {
  const indices = new Int32Array(util.sizeFromShape([...batch]));
  const lead = batch.length - own.length;
  let repeat = indices.length; // matrices of the batch for one step of this axis and all before it
  let stride = util.sizeFromShape([...own]);
  batch.forEach((size, axis) => {
    repeat /= size;
    const ownSize = own[axis - lead] ?? 1;
    stride /= ownSize;
    if (ownSize === 1) return;
    for (let i = 0; i < indices.length; i++) {
      indices[i] = at(indices, i) + (Math.floor(i / repeat) % size) * stride;
    }
  });
  return indices;
}

function at(indices: Int32Array, i: number): number {
  return indices[i] as number;
}

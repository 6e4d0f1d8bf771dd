import {
  embedding as contract,
  type EmbeddingInputs,
  KvfoldError,
  type ScatterAddRowsAttrs,
  scatterAddRows as scatterContract,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { gatherKernel, segmentSumKernel } from "../kernels/gather.js";

/**
 * Rows of a table by token id. Ids that are not on the device yet are checked; others would have to be waited for, and give
 * zeros where they are wrong.
 */
export const embedding = cudaKernel<Record<keyof EmbeddingInputs, TensorInfo>, object>(
  contract.kernelName,
  ({ inputs: { table, ids }, backend }) => {
    const [vocab = 0, dim = 0] = table.shape;
    if (table.shape.length !== 2 || ids.dtype !== "int32") {
      throw new KvfoldError(
        "embedding-shape",
        `embedding needs a table [vocab, dim] and int32 ids; got a table [${table.shape}] and ${ids.dtype} ids.`,
      );
    }
    const known = backend.hostValues(ids) as Int32Array | undefined;
    const wrong = known?.find((id) => id < 0 || id >= vocab);
    if (wrong !== undefined) {
      throw new KvfoldError("embedding-id", `There is no token ${wrong}; the table has the tokens 0 to ${vocab - 1}.`);
    }
    const { info, address, length } = backend.output([...ids.shape, dim]);
    const values = {
      x: backend.address(table),
      ids: backend.address(ids),
      out: address,
      batch: 1,
      outer: 1,
      size: vocab,
      count: util.sizeFromShape(ids.shape),
      slice: dim,
      elementBytes: 4,
    };
    backend.engine.launch(gatherKernel, values, backend.engine.loopOver(length));
    return info;
  },
);

/** Sums of rows by id, in the order of the rows: the gradient of {@link embedding}. */
export const scatterAddRows = cudaKernel<{ rows: TensorInfo; ids: TensorInfo }, ScatterAddRowsAttrs>(
  scatterContract.kernelName,
  ({ inputs: { rows, ids }, attrs: { size }, backend }) => {
    const [count = 0, dim = 0] = rows.shape;
    if (rows.shape.length !== 2 || ids.dtype !== "int32" || ids.shape.length !== 1 || ids.shape[0] !== count) {
      throw new KvfoldError(
        "scatter-add-rows-shape",
        `scatterAddRows needs rows [n, dim] and int32 ids [n]; got rows [${rows.shape}] and ${ids.dtype} ids [${ids.shape}].`,
      );
    }
    const { info, address } = backend.output([size, dim]);
    const addresses = { x: backend.address(rows), ids: backend.address(ids), out: address };
    const shape = { grid: [size, Math.ceil(dim / 256)], block: [256] } as const;
    backend.engine.launch(segmentSumKernel, { ...addresses, count, segments: size, slice: dim }, shape);
    return info;
  },
);

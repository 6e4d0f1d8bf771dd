import {
  embedding as contract,
  type EmbeddingInputs,
  KvfoldError,
  type ScatterAddRowsAttrs,
  scatterAddRows as scatterContract,
} from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

/** Rows of a table by token id. */
export const embedding = nativeKernel<Record<keyof EmbeddingInputs, TensorInfo>, object>(
  contract.kernelName,
  ({ inputs: { table, ids }, backend }) => {
    const [vocab = 0, dim = 0] = table.shape;
    if (table.shape.length !== 2 || ids.dtype !== "int32") {
      throw new KvfoldError(
        "embedding-shape",
        `embedding needs a table [vocab, dim] and int32 ids; got a table [${table.shape}] and ${ids.dtype} ids.`,
      );
    }
    const { info, values } = backend.output([...ids.shape, dim]);
    const wrong = backend.addon.gather(backend.floats(table), backend.ints(ids), values, 1, 1, vocab, dim);
    if (wrong !== undefined) {
      backend.disposeData(info.dataId);
      throw new KvfoldError("embedding-id", `There is no token ${wrong}; the table has the tokens 0 to ${vocab - 1}.`);
    }
    return info;
  },
);

/** Sums of rows by id, in the order of the rows: the gradient of {@link embedding}. */
export const scatterAddRows = nativeKernel<{ rows: TensorInfo; ids: TensorInfo }, ScatterAddRowsAttrs>(
  scatterContract.kernelName,
  ({ inputs: { rows, ids }, attrs: { size }, backend }) => {
    const [count, dim = 0] = rows.shape;
    if (rows.shape.length !== 2 || ids.dtype !== "int32" || ids.shape.length !== 1 || ids.shape[0] !== count) {
      throw new KvfoldError(
        "scatter-add-rows-shape",
        `scatterAddRows needs rows [n, dim] and int32 ids [n]; got rows [${rows.shape}] and ${ids.dtype} ids [${ids.shape}].`,
      );
    }
    const { info, values } = backend.output([size, dim]);
    backend.addon.scatterAddRows(backend.floats(rows), backend.ints(ids), dim, size, values);
    return info;
  },
);

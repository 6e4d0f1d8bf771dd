import { dmcDecide as contract, type DmcDecideAttrs, KvfoldError } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_dmc_decide", {
  q: "address",
  k: "address",
  merge: "address",
  omega: "address",
  count: "long",
  tokens: "int",
  group: "int",
  headDim: "int",
  channel: "int",
  offset: "float",
  epsilon: "float",
  edge: "float",
});

/** Merge or append, and the weight of every token, in one launch over two channels. */
export const dmcDecide = cudaKernel<{ q: TensorInfo; k: TensorInfo }, DmcDecideAttrs>(
  contract.kernelName,
  ({ inputs: { q, k }, attrs: { channel, offset, epsilon, edge }, backend }) => {
    const [rows = 0, kvHeads = 0, tokens = 0, headDim = 0] = k.shape;
    const [, queryHeads = 0] = q.shape;
    const fits =
      k.shape.length === 4 &&
      q.shape.join() === [rows, queryHeads, tokens, headDim].join() &&
      queryHeads % Math.max(kvHeads, 1) === 0 &&
      Number.isInteger(channel) &&
      channel >= 0 &&
      channel < headDim;
    if (!fits) {
      throw new KvfoldError(
        "dmc-decide-shape",
        "dmcDecide needs q [rows, queryHeads, tokens, headDim], k [rows, kvHeads, tokens, headDim] with kvHeads dividing " +
          `queryHeads, and a channel below headDim; got q [${q.shape}], k [${k.shape}], channel ${channel}.`,
      );
    }
    const [merge, omega] = [backend.output([rows, kvHeads, tokens]), backend.output([rows, kvHeads, tokens])];
    const addresses = { q: backend.address(q), k: backend.address(k), merge: merge.address, omega: omega.address };
    const sizes = { count: merge.length, tokens, group: queryHeads / kvHeads, headDim, channel };
    const shape = { grid: [Math.ceil(merge.length / 256)], block: [256] } as const;
    if (merge.length > 0) backend.engine.launch(kernel, { ...addresses, ...sizes, offset, epsilon, edge }, shape);
    return [merge.info, omega.info];
  },
);

import { dmcDecide as contract, type DmcDecideAttrs, type DmcDecideInputs } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
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

/** DMC's decisions and weights in one kernel. */
export const dmcDecide = cudaKernel<Record<keyof DmcDecideInputs, TensorInfo>, DmcDecideAttrs>(
  contract.kernelName,
  ({ inputs: { q, k }, attrs, backend }) => {
    const [rows = 0, kvHeads = 1, tokens = 1, headDim = 1] = k.shape;
    const [merge, omega] = [backend.output([rows, kvHeads, tokens]), backend.output([rows, kvHeads, tokens])];
    const addresses = { q: backend.address(q), k: backend.address(k), merge: merge.address, omega: omega.address };
    const sizes = { count: util.sizeFromShape(merge.info.shape), tokens, group: (q.shape[1] ?? 1) / kvHeads, headDim };
    const shape = { grid: [Math.ceil(sizes.count / 256)], block: [256] } as const;
    backend.engine.launch(kernel, { ...addresses, ...sizes, ...attrs }, shape);
    return [merge.info, omega.info];
  },
);

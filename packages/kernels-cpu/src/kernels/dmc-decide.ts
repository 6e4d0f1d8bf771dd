import { dmcDecide as contract, type DmcDecideAttrs, leastOmega } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

/** Merge or append, and the weight of every token, in one pass over two channels. */
export const dmcDecide = nativeKernel<{ q: TensorInfo; k: TensorInfo }, DmcDecideAttrs>(
  contract.kernelName,
  ({ inputs: { q, k }, attrs: { channel, offset, epsilon, edge }, backend }) => {
    const [rows, kvHeads, tokens, headDim] = k.shape as [number, number, number, number];
    const group = (q.shape[1] as number) / kvHeads;
    const [merge, omega] = [backend.output([rows, kvHeads, tokens]), backend.output([rows, kvHeads, tokens])];
    backend.addon.dmcDecide(
      backend.floats(q),
      backend.floats(k),
      rows,
      group,
      kvHeads,
      tokens,
      headDim,
      channel,
      offset,
      edge,
      epsilon,
      leastOmega,
      merge.values,
      omega.values,
    );
    return [merge.info, omega.info];
  },
);

import {
  type ColumnAttentionAttrs,
  columnAttention as contract,
  columnAttentionGradient as gradientContract,
  KvfoldError,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { ColumnAttentionArgs } from "../native-addon.js";
import type { NativeBackend } from "../native-backend.js";
import { nativeKernel } from "../native-kernel.js";

type Inputs = { q: TensorInfo; k: TensorInfo; v: TensorInfo; columnBias?: TensorInfo; starts?: TensorInfo };
type GradientInputs = Inputs & Record<"out" | "lse" | "dOut" | "dLse", TensorInfo>;

/** Windows and delays that hold every text. */
const endless = 2 ** 40;

/** Attention of training: blocks of probabilities that stay in the caches. */
export const columnAttention = nativeKernel<Inputs, ColumnAttentionAttrs>(
  contract.kernelName,
  ({ inputs, attrs, backend }) => {
    const args = argsOf(backend, inputs, attrs);
    const out = backend.output(inputs.q.shape);
    const lse = backend.output(inputs.q.shape.slice(0, 3));
    backend.addon.columnAttention(...args, out.values, lse.values);
    return [out.info, lse.info];
  },
);

/** Its gradient, from probabilities made again block by block. */
export const columnAttentionGradient = nativeKernel<GradientInputs, ColumnAttentionAttrs>(
  gradientContract.kernelName,
  ({ inputs, attrs, backend }) => {
    const { q, k, v, columnBias, out, lse, dOut, dLse } = inputs;
    const args = argsOf(backend, inputs, attrs);
    const gradients = [q, k, v, ...(columnBias ? [columnBias] : [])].map(({ shape }) => backend.output(shape));
    const [dq, dk, dv, dBias] = gradients.map(({ values }) => values) as [Values, Values, Values, Values?];
    const given = [out, lse, dOut, dLse].map((x) => backend.floats(x)) as [Values, Values, Values, Values];
    backend.addon.columnAttentionGradient(...args, ...given, dq, dk, dv, dBias);
    return gradients.map(({ info }) => info);
  },
);

type Values = Float32Array;

/** @throws KvfoldError `column-attention-shape` when the operands do not fit */
function argsOf(backend: NativeBackend, inputs: Inputs, attrs: ColumnAttentionAttrs): ColumnAttentionArgs {
  const { q, k, v, columnBias, starts } = inputs;
  const [rows = 0, queryHeads = 0, tokens = 0, headDim = 0] = q.shape;
  const kvHeads = k.shape[1] ?? 0;
  const fits =
    q.shape.length === 4 &&
    util.arraysEqual(k.shape, [rows, kvHeads, tokens, headDim]) &&
    util.arraysEqual(v.shape, k.shape) &&
    queryHeads % Math.max(kvHeads, 1) === 0 &&
    (columnBias === undefined || util.arraysEqual(columnBias.shape, [rows, kvHeads, tokens])) &&
    (starts === undefined || (starts.dtype === "int32" && util.arraysEqual(starts.shape, [rows, tokens])));
  if (!fits) {
    throw new KvfoldError(
      "column-attention-shape",
      "columnAttention needs q [rows, queryHeads, tokens, headDim], k and v [rows, kvHeads, tokens, headDim] with " +
        "kvHeads dividing queryHeads, columnBias [rows, kvHeads, tokens] or none, and int32 starts [rows, tokens] or none; " +
        `got q [${q.shape}], k [${k.shape}], v [${v.shape}], columnBias [${columnBias?.shape}], starts [${starts?.shape}].`,
    );
  }
  return [
    backend.floats(q),
    backend.floats(k),
    backend.floats(v),
    columnBias && backend.floats(columnBias),
    starts && backend.ints(starts),
    rows,
    kvHeads,
    kvHeads === 0 ? 0 : queryHeads / kvHeads,
    tokens,
    headDim,
    attrs.scale,
    Math.min(attrs.window ?? endless, endless),
    Math.min(attrs.biasDelay ?? 0, endless),
  ];
}

import {
  type ColumnAttentionAttrs,
  type ColumnAttentionGradientInputs,
  type ColumnAttentionInputs,
  columnAttention as contract,
  columnAttentionGradient as gradientContract,
  KvfoldError,
} from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { type Planes, roundToPlanes } from "../matrix/bf16-planes.js";
import { attentionKernels, attentionShapes, gradientKernels, queryDelta } from "./column-attention-kernels.js";

type Inputs = Record<"q" | "k" | "v", tf.TensorInfo> & Partial<Record<"columnBias" | "starts", tf.TensorInfo>>;
type GradientInputs = Inputs & Record<"out" | "lse" | "dOut" | "dLse", tf.TensorInfo>;

/** Head sizes that there are kernels for; smaller heads are padded to the next. */
const headSizes = [32, 64, 96, 128] as const;

/** Windows that hold every text. */
const endless = 2 ** 31 - 1;

/** What all kernels of a call share. */
interface Call {
  readonly rows: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly tokens: number;
  readonly headDim: number;
  readonly dims: (typeof headSizes)[number];
  readonly numbers: Readonly<Record<"queryHeads" | "kvHeads" | "tokens" | "headDim" | "window" | "biasDelay", number>>;
  readonly masks: { readonly bias: number; readonly starts: number };
}

/**
 * Undefined for heads that are larger than the kernels take, and where products must be exact to float32: the kernels
 * multiply in bf16.
 *
 * @throws KvfoldError `column-attention-shape` when the operands do not fit
 */
function callOf(backend: CudaBackend, inputs: Inputs, attrs: ColumnAttentionAttrs): Call | undefined {
  const { q, k, v, columnBias, starts } = inputs;
  const [rows = 0, queryHeads = 0, tokens = 0, headDim = 0] = q.shape;
  const kvHeads = k.shape[1] ?? 0;
  const same = tf.util.arraysEqual;
  const fits =
    q.shape.length === 4 &&
    same(k.shape, [rows, kvHeads, tokens, headDim]) &&
    same(v.shape, k.shape) &&
    queryHeads % Math.max(kvHeads, 1) === 0 &&
    (columnBias === undefined || same(columnBias.shape, [rows, kvHeads, tokens])) &&
    (starts === undefined || (starts.dtype === "int32" && same(starts.shape, [rows, tokens])));
  if (!fits) {
    throw new KvfoldError(
      "column-attention-shape",
      "columnAttention needs q [rows, queryHeads, tokens, headDim], k and v [rows, kvHeads, tokens, headDim] with " +
        "kvHeads dividing queryHeads, columnBias [rows, kvHeads, tokens] or none, and int32 starts [rows, tokens] or none; " +
        `got q [${q.shape}], k [${k.shape}], v [${v.shape}], columnBias [${columnBias?.shape}], starts [${starts?.shape}].`,
    );
  }
  const dims = headSizes.find((size) => headDim <= size);
  if (dims === undefined || tf.util.sizeFromShape(q.shape) === 0) return undefined;
  if (backend.engine.matmulPrecision === "float32") return undefined;
  const limits = {
    window: Math.min(attrs.window ?? endless, endless),
    biasDelay: Math.min(attrs.biasDelay ?? 0, endless),
  };
  const masks = { bias: columnBias ? backend.address(columnBias) : 0, starts: starts ? backend.address(starts) : 0 };
  const numbers = { queryHeads, kvHeads, tokens, headDim, ...limits };
  return { rows, queryHeads, kvHeads, tokens, headDim, dims, numbers, masks };
}

/** Queries (times scale and log2(e)), keys and values as the kernels read them; the caller releases them. */
function sidesOf(
  backend: CudaBackend,
  { q, k, v }: Inputs,
  call: Call,
  scale: number,
): Record<"q" | "k" | "v", Planes> {
  const { headDim, dims } = call;
  const planes = (x: tf.TensorInfo, factor: number) =>
    roundToPlanes(backend, backend.address(x), tf.util.sizeFromShape(x.shape) / headDim, {
      headDim,
      dims,
      factor,
    });
  return { q: planes(q, scale * Math.LOG2E), k: planes(k, 1), v: planes(v, 1) };
}

/** Attention of training: tiles of probabilities that stay on the multiprocessor. */
export const columnAttention = cudaKernel<Inputs, ColumnAttentionAttrs>(
  contract.kernelName,
  ({ inputs, attrs, backend }) => {
    const call = callOf(backend, inputs, attrs);
    if (call === undefined) return contract.reference(inputs as unknown as ColumnAttentionInputs, attrs);
    const { rows, queryHeads, tokens, dims, numbers, masks } = call;
    const out = backend.output(inputs.q.shape);
    const lse = backend.output(inputs.q.shape.slice(0, 3));
    const sides = sidesOf(backend, inputs, call, attrs.scale);
    const { q, k, v } = sides;
    const values = { q: q.planes, k: k.planes, v: v.planes, ...masks, out: out.address, lse: lse.address, ...numbers };
    const { forward } = attentionShapes(rows * queryHeads, tokens, dims);
    backend.engine.launch(attentionKernels[`kvfold_column_attention_${dims}`], values, forward);
    for (const side of [q, k, v]) side.release();
    return [out.info, lse.info];
  },
);

/** Its gradient, from probabilities made again tile by tile; every sum has one order. */
export const columnAttentionGradient = cudaKernel<GradientInputs, ColumnAttentionAttrs>(
  gradientContract.kernelName,
  ({ inputs, attrs, backend }) => {
    const call = callOf(backend, inputs, attrs);
    if (call === undefined) {
      return gradientContract.reference(inputs as unknown as ColumnAttentionGradientInputs, attrs) as tf.Tensor[];
    }
    const { rows, queryHeads, kvHeads, tokens, headDim, dims, numbers, masks } = call;
    const { engine } = backend;
    const wanted = [inputs.q, inputs.k, inputs.v, ...(inputs.columnBias ? [inputs.columnBias] : [])];
    const gradients = wanted.map(({ shape }) => backend.output(shape));
    const [dq, dk, dv, dBias] = gradients.map(({ address }) => address) as [number, number, number, number?];
    const count = rows * queryHeads * tokens;
    const dOut = backend.address(inputs.dOut);
    const delta = backend.scratch(4 * count);
    const given = { out: backend.address(inputs.out), dOut, dLse: backend.address(inputs.dLse) };
    const deltaShape = { grid: [Math.ceil(count / 8)], block: [256] } as const;
    engine.launch(queryDelta, { ...given, delta: delta.address, count, headDim }, deltaShape);
    const { q, k, v } = sidesOf(backend, inputs, call, attrs.scale);
    const upstream = roundToPlanes(backend, dOut, count, { headDim, dims, factor: 1 });
    const planes = { q: q.planes, k: k.planes, v: v.planes, dOut: upstream.planes };
    const rest = { lse: backend.address(inputs.lse), delta: delta.address, dq, dk, dv, dBias: dBias ?? 0 };
    const values = { ...planes, ...masks, ...rest, ...numbers, scale: attrs.scale };
    for (const [part, heads] of [
      ["dq", queryHeads],
      ["dkv", kvHeads],
    ] as const) {
      const { backward } = attentionShapes(rows * heads, tokens, dims);
      engine.launch(gradientKernels[`kvfold_column_attention_${part}_${dims}`], values, backward);
    }
    for (const side of [q, k, v, upstream]) side.release();
    engine.pool.give(delta);
    return gradients.map(({ info }) => info);
  },
);

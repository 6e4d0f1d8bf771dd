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
import { roundToPlanes } from "../matrix/bf16-planes.js";
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
  /** Whether the arithmetic is float32 throughout; else products count with bf16. */
  readonly exact: boolean;
  readonly variant: `${"" | "exact_"}${(typeof headSizes)[number]}`;
  readonly numbers: Readonly<
    Record<"queryHeads" | "kvHeads" | "tokens" | "headDim" | "window" | "biasDelay" | "scale", number>
  >;
  readonly masks: { readonly bias: number; readonly starts: number };
}

/**
 * Undefined for heads that are larger than the kernels take.
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
  const exact = backend.engine.matmulPrecision === "float32";
  const limits = {
    window: Math.min(attrs.window ?? endless, endless),
    biasDelay: Math.min(attrs.biasDelay ?? 0, endless),
  };
  const masks = { bias: columnBias ? backend.address(columnBias) : 0, starts: starts ? backend.address(starts) : 0 };
  const numbers = { queryHeads, kvHeads, tokens, headDim, scale: attrs.scale, ...limits };
  const variant = exact ? (`exact_${dims}` as const) : (`${dims}` as const);
  return { rows, queryHeads, kvHeads, tokens, headDim, dims, exact, variant, numbers, masks };
}

/** Vectors as the kernels read them: float32 as they are, or rounded to bf16, times a factor. */
interface Side {
  readonly address: number;
  /** Gives the memory back. */
  release(): void;
}

function sideOf(backend: CudaBackend, x: tf.TensorInfo, { headDim, dims, exact }: Call, factor = 1): Side {
  const address = backend.address(x);
  if (exact) return { address, release: () => {} };
  const count = tf.util.sizeFromShape(x.shape) / headDim;
  const { planes, release } = roundToPlanes(backend, address, count, { headDim, dims, factor });
  return { address: planes.main, release };
}

/** Queries, keys and values; queries in bf16 come with the scale and log2(e) in them. */
function sidesOf(backend: CudaBackend, { q, k, v }: Inputs, call: Call): Record<"q" | "k" | "v", Side> {
  const factor = call.numbers.scale * Math.LOG2E;
  return { q: sideOf(backend, q, call, factor), k: sideOf(backend, k, call), v: sideOf(backend, v, call) };
}

/** Attention of training: tiles of probabilities that stay on the multiprocessor. */
export const columnAttention = cudaKernel<Inputs, ColumnAttentionAttrs>(
  contract.kernelName,
  ({ inputs, attrs, backend }) => {
    const call = callOf(backend, inputs, attrs);
    if (call === undefined) return contract.reference(inputs as unknown as ColumnAttentionInputs, attrs);
    const { rows, queryHeads, tokens, dims, exact, variant, numbers, masks } = call;
    const out = backend.output(inputs.q.shape);
    const lse = backend.output(inputs.q.shape.slice(0, 3));
    const { q, k, v } = sidesOf(backend, inputs, call);
    const sides = { q: q.address, k: k.address, v: v.address };
    const values = { ...sides, ...masks, out: out.address, lse: lse.address, ...numbers };
    const { forward } = attentionShapes(rows * queryHeads, tokens, dims, exact);
    backend.engine.launch(attentionKernels[`kvfold_column_attention_${variant}`], values, forward);
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
    const { rows, queryHeads, kvHeads, tokens, headDim, dims, exact, variant, numbers, masks } = call;
    const { engine } = backend;
    const wanted = [inputs.q, inputs.k, inputs.v, ...(inputs.columnBias ? [inputs.columnBias] : [])];
    const gradients = wanted.map(({ shape }) => backend.output(shape));
    const [dq, dk, dv, dBias] = gradients.map(({ address }) => address) as [number, number, number, number?];
    const count = rows * queryHeads * tokens;
    const delta = backend.scratch(4 * count);
    const addresses = { out: backend.address(inputs.out), dOut: backend.address(inputs.dOut) };
    const given = { ...addresses, dLse: backend.address(inputs.dLse), delta: delta.address, count, headDim };
    engine.launch(queryDelta, given, { grid: [Math.ceil(count / 8)], block: [256] });
    const { q, k, v } = sidesOf(backend, inputs, call);
    const upstream = sideOf(backend, inputs.dOut, call);
    const sides = { q: q.address, k: k.address, v: v.address, dOut: upstream.address };
    const rest = { lse: backend.address(inputs.lse), delta: delta.address, dq, dk, dv, dBias: dBias ?? 0 };
    const values = { ...sides, ...masks, ...rest, ...numbers };
    for (const [part, heads] of [
      ["dq", queryHeads],
      ["dkv", kvHeads],
    ] as const) {
      const { backward } = attentionShapes(rows * heads, tokens, dims, exact);
      engine.launch(gradientKernels[`kvfold_column_attention_${part}_${variant}`], values, backward);
    }
    for (const side of [q, k, v, upstream]) side.release();
    engine.pool.give(delta);
    return gradients.map(({ info }) => info);
  },
);

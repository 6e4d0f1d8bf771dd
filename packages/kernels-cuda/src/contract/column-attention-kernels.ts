import { deviceKernel, deviceKernels, type LaunchShape } from "../engine/device-kernel.js";
import { planesFields } from "../matrix/bf16-planes.js";

const dims = [32, 64, 96, 128] as const;

/** Attention of whole rows, by head size. */
export const attentionKernels = deviceKernels(
  dims.map((size) => `kvfold_column_attention_${size}` as const),
  {
    q: planesFields,
    k: planesFields,
    v: planesFields,
    bias: "address",
    starts: "address",
    out: "address",
    lse: "address",
    queryHeads: "int",
    kvHeads: "int",
    tokens: "int",
    headDim: "int",
    window: "int",
    biasDelay: "int",
  },
);

/** Its gradient by the queries, and by keys, values and bias. */
export const gradientKernels = deviceKernels(
  dims.flatMap((size) => [`kvfold_column_attention_dq_${size}`, `kvfold_column_attention_dkv_${size}`] as const),
  {
    q: planesFields,
    k: planesFields,
    v: planesFields,
    dOut: planesFields,
    bias: "address",
    starts: "address",
    lse: "address",
    delta: "address",
    dq: "address",
    dk: "address",
    dv: "address",
    dBias: "address",
    queryHeads: "int",
    kvHeads: "int",
    tokens: "int",
    headDim: "int",
    window: "int",
    biasDelay: "int",
    scale: "float",
  },
);

/** dOut . out - dLse of each query. */
export const queryDelta = deviceKernel("kvfold_column_attention_delta", {
  out: "address",
  dOut: "address",
  dLse: "address",
  delta: "address",
  count: "long",
  headDim: "int",
});

/** Tokens that a block owns, and tokens of a stage that they meet; see native/kernels/args/column-attention.h. */
const [tile, stage] = [64, 32];

/** Launches of forward and backward pass over `heads` rows of `tokens`. */
export function attentionShapes(
  heads: number,
  tokens: number,
  size: number,
): { readonly forward: LaunchShape; readonly backward: LaunchShape } {
  const row = size * 2;
  const stages = 2 * 2 * stage * row;
  const shape = { grid: [Math.ceil(tokens / tile), heads], block: [128] } as const;
  return {
    forward: { ...shape, sharedBytes: tile * row + stages },
    backward: { ...shape, sharedBytes: 2 * tile * row + stages },
  };
}

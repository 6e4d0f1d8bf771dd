import { deviceKernel, deviceKernels, type LaunchShape } from "../engine/device-kernel.js";

const dims = [32, 64, 96, 128] as const;

/** Head sizes, and before them `exact_` for kernels that count in float32 throughout. */
const variants = dims.flatMap((size) => [`${size}`, `exact_${size}`] as const);

/** Attention of whole rows, by head size. */
export const attentionKernels = deviceKernels(
  variants.map((variant) => `kvfold_column_attention_${variant}` as const),
  {
    q: "address",
    k: "address",
    v: "address",
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
    scale: "float",
  },
);

/** Its gradient by the queries, and by keys, values and bias. */
export const gradientKernels = deviceKernels(
  variants.flatMap((name) => [`kvfold_column_attention_dq_${name}`, `kvfold_column_attention_dkv_${name}`] as const),
  {
    q: "address",
    k: "address",
    v: "address",
    dOut: "address",
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

/** Tokens that a block owns, in an exact gradient too, and tokens of a stage; see native/kernels/args/column-attention.h. */
const [tile, exactTile, stage] = [64, 32, 32];

/** Launches of forward and backward pass over `heads` rows of `tokens`. */
export function attentionShapes(
  heads: number,
  tokens: number,
  size: number,
  exact: boolean,
): { readonly forward: LaunchShape; readonly backward: LaunchShape } {
  const shape = (owned: number, sharedBytes: number): LaunchShape => ({
    grid: [Math.ceil(tokens / owned), heads],
    block: [128],
    sharedBytes,
  });
  if (!exact) {
    const row = size * 2;
    return { forward: shape(tile, (tile + 4 * stage) * row), backward: shape(tile, (2 * tile + 4 * stage) * row) };
  }
  // vectors are four floats longer than heads, and so are rows of weights than a stage
  const [row, weights] = [4 * (size + 4), 4 * (stage + 4)];
  return {
    forward: shape(tile, (tile + 2 * stage) * row + tile * weights),
    backward: shape(exactTile, 2 * (exactTile + stage) * row + exactTile * weights),
  };
}

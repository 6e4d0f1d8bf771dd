import { adamW } from "./kernels/adam-w.js";
import { addN, arithmeticKernels } from "./kernels/arithmetic.js";
import { batchMatMul } from "./kernels/batch-mat-mul.js";
import { cast } from "./kernels/cast.js";
import { columnAttention, columnAttentionGradient } from "./kernels/column-attention.js";
import { comparisonKernels } from "./kernels/comparison.js";
import { concat, pack } from "./kernels/concat.js";
import { crossEntropy, crossEntropyGradient } from "./kernels/cross-entropy.js";
import { denseLinear } from "./kernels/dense-linear.js";
import { divergenceGradient, divergenceRows } from "./kernels/divergence.js";
import { dmcDecide } from "./kernels/dmc-decide.js";
import { dmcPool, dmcPoolGradient } from "./kernels/dmc-pool.js";
import { embedding, scatterAddRows } from "./kernels/embedding.js";
import { fill, onesLike, zerosLike } from "./kernels/fill.js";
import { gatedActivation, gatedActivationGradient } from "./kernels/gated-activation.js";
import { gather, unsortedSegmentSum } from "./kernels/gather.js";
import { logicalKernels, logicalNot } from "./kernels/logical.js";
import { normPackedLinears } from "./kernels/norm-packed-linears.js";
import { packedGatedMlp } from "./kernels/packed-gated-mlp.js";
import { packedLinear } from "./kernels/packed-linear.js";
import { pad } from "./kernels/pad.js";
import { argBestKernels, reductionKernels } from "./kernels/reduction.js";
import { rmsNorm, rmsNormGradient } from "./kernels/rms-norm.js";
import { rope } from "./kernels/rope.js";
import { select } from "./kernels/select.js";
import { slice } from "./kernels/slice.js";
import { softmax } from "./kernels/softmax.js";
import { split, unpack } from "./kernels/split.js";
import { tile } from "./kernels/tile.js";
import { transpose } from "./kernels/transpose.js";
import { unaryKernels } from "./kernels/unary.js";
import type { NativeKernel } from "./native-kernel.js";

/** Every native kernel; the JavaScript CPU kernels fill in for the rest. One line for each. */
export const nativeKernels: readonly NativeKernel[] = [
  // Matrix products.
  batchMatMul,
  denseLinear,
  packedLinear,
  normPackedLinears,
  packedGatedMlp,
  // Each element.
  ...unaryKernels,
  gatedActivation,
  gatedActivationGradient,
  ...arithmeticKernels,
  addN,
  ...comparisonKernels,
  ...logicalKernels,
  logicalNot,
  select,
  cast,
  // Rows.
  ...reductionKernels,
  ...argBestKernels,
  softmax,
  // Moves.
  transpose,
  slice,
  concat,
  pack,
  split,
  unpack,
  pad,
  tile,
  fill,
  zerosLike,
  onesLike,
  gather,
  unsortedSegmentSum,
  // The contract's.
  rmsNorm,
  rmsNormGradient,
  rope,
  columnAttention,
  columnAttentionGradient,
  crossEntropy,
  crossEntropyGradient,
  divergenceGradient,
  divergenceRows,
  adamW,
  dmcDecide,
  dmcPool,
  dmcPoolGradient,
  embedding,
  scatterAddRows,
];

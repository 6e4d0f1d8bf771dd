import type { CudaKernel } from "./backend/cuda-kernel.js";
import { adamW } from "./contract/adam-w.js";
import { columnAttention, columnAttentionGradient } from "./contract/column-attention.js";
import { crossEntropy, crossEntropyGradient } from "./contract/cross-entropy.js";
import { dmcDecide } from "./contract/dmc-decide.js";
import { dmcPool, dmcPoolGradient } from "./contract/dmc-pool.js";
import { embedding, scatterAddRows } from "./contract/embedding.js";
import { denseLinear, normPackedLinears, packedLinear } from "./contract/linear.js";
import { packedGatedMlp } from "./contract/packed-gated-mlp.js";
import { rmsNorm, rmsNormGradient } from "./contract/rms-norm.js";
import { rope } from "./contract/rope.js";
import { addN, arithmeticKernels, comparisonKernels, logicalKernels, logicalNot } from "./kernels/binary.js";
import { cast } from "./kernels/cast.js";
import { concat, pack } from "./kernels/concat.js";
import { fill, likeKernels } from "./kernels/fill.js";
import { gather, oneHot, unsortedSegmentSum } from "./kernels/gather.js";
import { batchMatMul, fusedMatMul } from "./kernels/matmul.js";
import { pad, tile, transpose } from "./kernels/moves.js";
import { argBestKernels, reductionKernels } from "./kernels/reduction.js";
import { cumulativeKernels, softmaxKernels } from "./kernels/rows.js";
import { select } from "./kernels/select.js";
import { reverse, slice, stridedSlice } from "./kernels/slices.js";
import { split, unpack } from "./kernels/split.js";
import { testKernels, unaryKernels } from "./kernels/unary.js";

/** Every kernel that the backend has on the device; the JavaScript CPU kernels fill in for the rest. One line for each. */
export const cudaKernels: readonly CudaKernel[] = [
  // Matrix products.
  batchMatMul,
  fusedMatMul,
  // Each element.
  ...unaryKernels,
  ...testKernels,
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
  ...softmaxKernels,
  ...cumulativeKernels,
  // Moves.
  transpose,
  slice,
  stridedSlice,
  reverse,
  concat,
  pack,
  split,
  unpack,
  pad,
  tile,
  fill,
  ...likeKernels,
  gather,
  unsortedSegmentSum,
  oneHot,
  // The contract's.
  rmsNorm,
  rmsNormGradient,
  rope,
  denseLinear,
  packedLinear,
  normPackedLinears,
  packedGatedMlp,
  columnAttention,
  columnAttentionGradient,
  dmcDecide,
  dmcPool,
  dmcPoolGradient,
  crossEntropy,
  crossEntropyGradient,
  adamW,
  embedding,
  scatterAddRows,
];

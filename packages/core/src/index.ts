export type {
  ActivationPrecision,
  BackendRow,
  BackendSettings,
  LoadedBackend,
  MatmulPrecision,
  MissingBackend,
} from "./backends/backend-row.js";
export { backendTable } from "./backends/backend-table.js";
export { type BackendChoice, type ChooseBackendOptions, chooseBackend } from "./backends/choose-backend.js";
export { type BackendStatus, listBackends } from "./backends/list-backends.js";
export type { KernelsPackage } from "./backends/load-kernels-package.js";
export { KvfoldError } from "./errors/kvfold-error.js";
export { quoted } from "./errors/quoted.js";
export type { Activation } from "./kernels/activation.js";
export { type AdamWAttrs, type AdamWInputs, adamW } from "./kernels/adam-w.js";
export { type CacheWriteAttrs, type CacheWriteInputs, cacheWrite } from "./kernels/cache-write.js";
export { type ColumnAttentionAttrs, type ColumnAttentionInputs, columnAttention } from "./kernels/column-attention.js";
export { type ColumnAttentionGradientInputs, columnAttentionGradient } from "./kernels/column-attention-gradient.js";
export { type CrossEntropyInputs, crossEntropy } from "./kernels/cross-entropy.js";
export { type CrossEntropyGradientInputs, crossEntropyGradient } from "./kernels/cross-entropy-gradient.js";
export {
  defineKernel,
  type Kernel,
  type KernelDefinition,
  type KernelInputs,
  type KernelOutput,
} from "./kernels/define-kernel.js";
export { type DenseGatedMlpAttrs, type DenseGatedMlpInputs, denseGatedMlp } from "./kernels/dense-gated-mlp.js";
export { type DenseLinearInputs, denseLinear } from "./kernels/dense-linear.js";
export {
  type DivergenceGradientAttrs,
  type DivergenceGradientInputs,
  divergenceGradient,
} from "./kernels/divergence-gradient.js";
export { type DivergenceRowsInputs, divergenceRows } from "./kernels/divergence-rows.js";
export { type DmcAccumulateInputs, dmcAccumulate } from "./kernels/dmc-accumulate.js";
export { type DmcDecideAttrs, type DmcDecideInputs, dmcDecide, leastOmega } from "./kernels/dmc-decide.js";
export { type DmcFoldInputs, dmcFold } from "./kernels/dmc-fold.js";
export { type DmcPoolAttrs, type DmcPoolInputs, dmcPool } from "./kernels/dmc-pool.js";
export { type DmcPoolGradientInputs, dmcPoolGradient } from "./kernels/dmc-pool-gradient.js";
export { type DmcSegmentPoolInputs, dmcSegmentPool } from "./kernels/dmc-segment-pool.js";
export { type EmbeddingInputs, embedding } from "./kernels/embedding.js";
export {
  type GatedActivationAttrs,
  type GatedActivationInputs,
  gatedActivation,
} from "./kernels/gated-activation.js";
export { type GatedActivationGradientInputs, gatedActivationGradient } from "./kernels/gated-activation-gradient.js";
export { type GatedMlpWeights, gatedMlp, mlpBlock } from "./kernels/gated-mlp.js";
export { linear } from "./kernels/linear.js";
export { isPackedWeight, type LinearWeight, type PackedWeight } from "./kernels/linear-weight.js";
export { type LinearLayer, type NormLayer, normLinears } from "./kernels/norm-linears.js";
export {
  type NormPackedLinearsAttrs,
  type NormPackedLinearsInputs,
  normPackedLinears,
} from "./kernels/norm-packed-linears.js";
export { type PackedGatedMlpAttrs, type PackedGatedMlpInputs, packedGatedMlp } from "./kernels/packed-gated-mlp.js";
export { type PackedLinearAttrs, type PackedLinearInputs, packedLinear } from "./kernels/packed-linear.js";
export { packedWeight } from "./kernels/packed-weight.js";
export { type RaggedAttentionAttrs, type RaggedAttentionInputs, raggedAttention } from "./kernels/ragged-attention.js";
export { type RmsNormAttrs, type RmsNormInputs, rmsNorm } from "./kernels/rms-norm.js";
export { type RmsNormGradientInputs, rmsNormGradient } from "./kernels/rms-norm-gradient.js";
export { type RopeInputs, rope } from "./kernels/rope.js";
export { type ScatterAddRowsAttrs, type ScatterAddRowsInputs, scatterAddRows } from "./kernels/scatter-add-rows.js";
export { batchMatMul } from "./ops/batch-matmul.js";
export { type BatchRun, batchRuns } from "./ops/batch-runs.js";
export { type DivergenceInputs, divergence } from "./ops/divergence.js";
export { gatherRows } from "./ops/gather-rows.js";
export { matrixProduct } from "./ops/matrix-product.js";
export { type ReadIntoBackend, readInto } from "./ops/read-into.js";
export { recompute } from "./ops/recompute.js";
export { rowsProduct } from "./ops/rows-product.js";
export { type OwnGradient, withGradient } from "./ops/with-gradient.js";
export { sharedRegistry } from "./registry/shared-registry.js";
export { inverseFrequencies, type RopeFrequencies } from "./rope/inverse-frequencies.js";
export { Rope, type RopeAngles, type RopeAnglesOptions } from "./rope/rope.js";
export type {
  DynamicRopeScaling,
  LinearRopeScaling,
  Llama3RopeScaling,
  NoRopeScaling,
  RopeDescriptor,
  RopeScaling,
  YarnRopeScaling,
} from "./rope/rope-descriptor.js";
export { type ByteSource, memorySource, viewOrRead } from "./safetensors/byte-source.js";
export { floatStorage, type SafetensorsArray, type SafetensorsDtype } from "./safetensors/dtypes.js";
export { fileSystem, openFileSource, unreadable } from "./safetensors/file-source.js";
export { openSharded } from "./safetensors/open-sharded.js";
export type { SafetensorsEntry } from "./safetensors/parse-header.js";
export { openSafetensors, type SafetensorsFile } from "./safetensors/safetensors-file.js";
export { checkRows, missingTensor, targetArray } from "./safetensors/tensor-checks.js";
export { writeInPieces } from "./safetensors/write-in-pieces.js";
export {
  encodeSafetensors,
  type SafetensorsInput,
  writeSafetensors,
  writeSafetensorsInPieces,
} from "./safetensors/write-safetensors.js";
export { halfTable } from "./storage/half-bits.js";
export { type PackedSupport, packedSupport, registerPackedSupport } from "./storage/packed-support.js";
export { type BlockFormat, formatByteLength, type StorageType, unpackTarget } from "./storage/storage-type.js";
export { type StorageTypeName, storageTypes } from "./storage/storage-types.js";

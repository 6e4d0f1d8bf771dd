export { type AttentionCall, attention } from "./attention.js";
export type { CacheStats } from "./cache-stats.js";
export type { CacheShape } from "./files/cache-file.js";
export { type DecodeCacheOptions, decodeCache } from "./files/decode-cache.js";
export { encodeCache } from "./files/encode-cache.js";
export { loadCache, saveCache } from "./files/save-cache.js";
export { KvCache, type KvCacheOptions, liveBytesOf } from "./kv-cache.js";
export { LayerCache, type LayerStats } from "./layer-cache.js";
export { full } from "./policies/full.js";
export { type H2oOptions, h2o } from "./policies/h2o.js";
export { type LayerRange, perLayer } from "./policies/per-layer.js";
export { type TovaOptions, tova } from "./policies/tova.js";
export { uniformPolicy } from "./policies/uniform-policy.js";
export { type WindowOptions, window } from "./policies/window.js";
export type {
  Band,
  BorrowedChannel,
  CacheEstimate,
  CachePolicy,
  DropOp,
  EvictContext,
  LayerPolicy,
  LayerShape,
  NewTokens,
  Observation,
  PolicyTraits,
  WriteOp,
} from "./policy.js";
export { ReferenceStore } from "./reference-store/reference-store.js";
export { didYouMean } from "./spec/nearest.js";
export { choice, count, number, orNone, type PolicyOption } from "./spec/option-kinds.js";
export { parsePolicy } from "./spec/parse-policy.js";
export { definePolicy, type PolicyDefinition } from "./spec/policy-definition.js";
export { policyTable } from "./spec/policy-table.js";
export type { Step } from "./step.js";
export { stepPositions } from "./step.js";
export {
  type RecordedStep,
  type StepFill,
  type StepRecorder,
  stepRecorder,
  stepTensor,
  type Unrecorded,
} from "./step-recorder.js";
export type {
  Attended,
  BufferId,
  CallSite,
  LayerStore,
  OwnStoreFactory,
  StepTensors,
  StoreFactory,
  StoreOptions,
  StoreSnapshot,
  StoreState,
} from "./store.js";
export { createStore, registerStore } from "./store-registry.js";
export { type TrainingAttended, type TrainingCall, trainingAttention } from "./training-attention.js";
export type { TrainingForm, TrainingTokens, TrainingView } from "./training-form.js";

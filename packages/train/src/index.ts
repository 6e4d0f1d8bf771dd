export type { BatchSource, TrainingBatch } from "./data/batch.js";
export type { ShardHeader } from "./data/shard-header.js";
export { type ShardOrigin, ShardWriter } from "./data/shard-writer.js";
export { openShard, type TokenShard } from "./data/token-shard.js";
export { joinStreams, type TokenStream } from "./data/token-stream.js";
export { type TokenizeOptions, type TokenizeProgress, tokenizeFiles, tokenizerSha256 } from "./data/tokenize-files.js";
export { type TrainingBatchesOptions, trainingBatches } from "./data/training-batches.js";
export type {
  DataRecipe,
  DistillRecipe,
  DmcMethodRecipe,
  DmsMethodRecipe,
  MethodRecipe,
  ModelSource,
  OptimizerRecipe,
  Recipe,
  ScheduleRecipe,
  TrainedWeights,
} from "./recipe/recipe.js";
export type {
  AlarmEvent,
  CheckpointEvent,
  EndEvent,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
  TrainingObserver,
} from "./report/training-event.js";

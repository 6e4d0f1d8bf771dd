export type { BatchSource, TrainingBatch } from "./data/batch.js";
export type { ShardHeader } from "./data/shard-header.js";
export { type ShardOrigin, ShardWriter } from "./data/shard-writer.js";
export { openShard, type TokenShard } from "./data/token-shard.js";
export { joinStreams, type TokenStream } from "./data/token-stream.js";
export { type TokenizeOptions, type TokenizeProgress, tokenizeFiles } from "./data/tokenize-files.js";
export { openTokenizer, tokenizerSha256 } from "./data/tokenizer-source.js";
export { type TrainingBatchesOptions, trainingBatches } from "./data/training-batches.js";
export { type TrainOptions, type TrainResult, train } from "./loop/train.js";
export { poolKvHeads } from "./method/pool-kv-heads.js";
export { type DialSettings, type DialStages, dialStages, shortestRamp } from "./recipe/dial.js";
export { formatRecipe } from "./recipe/format-recipe.js";
export { type LoadRecipeOptions, loadRecipe, readRecipe } from "./recipe/load-recipe.js";
export { type ParseRecipeOptions, parseRecipe } from "./recipe/parse-recipe.js";
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
export { recipeRemarks, tokensPerStep } from "./recipe/recipe-remarks.js";
export { parseOverride, type RecipeOverride } from "./recipe/recipe-source.js";
export { jsonlObserver } from "./report/jsonl-observer.js";
export { type RunSummary, readRun } from "./report/read-run.js";
export { tensorboardObserver } from "./report/tensorboard-observer.js";
export { type TerminalStream, type TerminalViewOptions, terminalView } from "./report/terminal-view.js";
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
export { trainingFlops } from "./report/training-flops.js";

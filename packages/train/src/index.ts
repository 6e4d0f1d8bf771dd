export type { BatchSource, TrainingBatch } from "./data/batch.js";
export { poolKvHeads } from "./method/pool-kv-heads.js";
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

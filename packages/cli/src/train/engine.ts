import type { Recipe, TrainingObserver } from "@kvfold/train";

/** How a run ended. */
export interface TrainingResult {
  readonly reason: "finished" | "interrupted";
  /** Steps done. */
  readonly step: number;
  /** Folder of the exported model; undefined when there is none yet. */
  readonly exported: string | undefined;
}

interface TrainOptions {
  readonly observers?: TrainingObserver[];
  readonly signal?: AbortSignal;
  readonly resume?: "auto" | "never";
  readonly dryRun?: boolean;
}

/** The one place where the command meets the training loop. */
export async function startTraining(recipe: Recipe, options: TrainOptions): Promise<TrainingResult> {
  const engine = (await import("@kvfold/train")) as {
    readonly train?: (recipe: Recipe, options: TrainOptions) => Promise<TrainingResult>;
  };
  if (engine.train !== undefined) return engine.train(recipe, options);
  const { KvfoldError } = await import("@kvfold/core");
  throw new KvfoldError("train-missing", "This build of @kvfold/train has no training loop; update it.");
}

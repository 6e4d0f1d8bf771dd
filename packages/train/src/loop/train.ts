import { KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Recipe } from "../recipe/recipe.js";
import type { TrainingObserver } from "../report/training-event.js";
import { Run } from "./run.js";

/** Options of {@link train}. */
export interface TrainOptions {
  /** Told of every step, evaluation and checkpoint. */
  readonly observers?: readonly TrainingObserver[];
  /** Ends the run after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /**
   * `auto` goes on from the newest checkpoint in the run's folder; `never` refuses a folder that has one. Default `auto`.
   */
  readonly resume?: "auto" | "never";
  /** Finds the folder or file of a model that is no local path (`demo`, an id of the hub). Default: takes it for a path. */
  readonly resolveModel?: (name: string) => Promise<string>;
  /** Prepares everything and makes one step, but writes nothing. */
  readonly dryRun?: boolean;
}

/** What {@link train} returns. */
export interface TrainResult {
  readonly reason: "finished" | "interrupted";
  /** Steps done. */
  readonly step: number;
  /** Folder of the exported model; undefined when the run did not finish, or was dry. */
  readonly exported: string | undefined;
}

/** Steps in a row that may be left out for numbers that are not finite. */
const mostSkipped = 3;

/**
 * Runs a recipe on the current backend: trains, evaluates, writes checkpoints, and exports the model as a Hugging Face
 * folder when it is done. A run that was interrupted, or killed at any moment, goes on from its newest checkpoint and ends
 * with the same weights to the bit (same backend, same number of rows and parts).
 *
 * @throws KvfoldError `training-diverged` when losses or gradients stay not finite; `resume-recipe` or
 * `resume-data` when the folder holds a run of another recipe or of other texts; or what loading the model and its data throws
 */
export async function train(recipe: Recipe, options: TrainOptions = {}): Promise<TrainResult> {
  const observers = options.observers ?? [];
  const started = performance.now();
  using run = await Run.open(recipe, { ...options, observers });
  const { steps } = recipe;
  const last = options.dryRun ? Math.min(run.step + 1, steps) : steps;
  let reason: "finished" | "interrupted" | "failed" = "failed";
  try {
    run.emit({
      type: "start",
      step: run.step,
      steps,
      parameters: run.parameters.size,
      tokensPerStep: recipe.batch.rows * recipe.batch.length * recipe.batch.accumulate,
      backend: tf.getBackend(),
    });
    while (run.step < last && !options.signal?.aborted) {
      await run.takeStep();
      if (run.skipped >= mostSkipped) {
        throw new KvfoldError(
          "training-diverged",
          `Losses or gradients were not finite for ${run.skipped} steps, up to step ${run.step}. ` +
            "The weights of the last checkpoint are sound: lower the learning rate or the clipping norm, and resume.",
        );
      }
      if (!options.dryRun) await run.afterStep();
      await new Promise(setImmediate); // lets signals and timers run
    }
    reason = run.step >= last ? "finished" : "interrupted";
    if (!options.dryRun) run.checkpoint();
    const exported = reason === "finished" && !options.dryRun ? await run.export() : undefined;
    return { reason, step: run.step, exported };
  } finally {
    run.emit({ type: "end", step: run.step, reason, seconds: (performance.now() - started) / 1000 });
    for (const observer of observers) observer.close?.();
  }
}

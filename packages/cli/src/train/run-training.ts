import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Recipe, TrainingObserver } from "@kvfold/train";
import { resolvePath } from "../model/resolve.js";
import { checkBackendName, startBackend } from "../model/start-backend.js";
import type { EngineOptions } from "../options.js";
import { Interrupted, interruptible } from "../terminal/interruptible.js";
import { coloured, isScreen, print, printJson } from "../terminal/output.js";
import { UsageError } from "../usage-error.js";
import { describeRecipe } from "./describe-recipe.js";

/** Options of the commands that train. */
export interface TrainingFlags extends EngineOptions {
  readonly dryRun?: boolean;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/**
 * Runs a recipe: events go to `events.jsonl` and a TensorBoard file in the run's folder, the view to stderr, the result to stdout. Ctrl-C stops
 * with a checkpoint.
 */
export async function runTraining(recipe: Recipe, flags: TrainingFlags): Promise<void> {
  await checkBackendName(flags.backend);
  const { output } = recipe;
  if (!flags.dryRun) refuseForeignFolder(output, flags.resume);
  const local = { ...recipe, model: await localModel(recipe.model) };
  if (flags.dryRun && !flags.json) print(describeRecipe(recipe).join("\n"));
  // every backend has float32, so only the other is a demand
  await startBackend(flags, recipe.precision === "float32" ? {} : { matmulPrecision: recipe.precision });
  const { train } = await import("@kvfold/train");
  const observers = flags.dryRun ? [] : await observersOf(recipe);
  const { reason, step, exported } = await interruptible((signal) =>
    train(local, {
      observers,
      signal,
      resume: flags.resume ? "auto" : "never",
      dryRun: flags.dryRun === true,
    }),
  );
  if (flags.json) printJson({ reason, step, steps: recipe.steps, output, exported: exported ?? null });
  else if (flags.dryRun) print("The model, its data and the first step are all right; nothing was written.");
  else print(exported === undefined ? `${reason} at step ${step} of ${recipe.steps}` : `${exported} holds the model`);
  if (reason === "interrupted") throw new Interrupted();
}

async function observersOf({ output }: Recipe): Promise<TrainingObserver[]> {
  const { jsonlObserver, tensorboardObserver, terminalView } = await import("@kvfold/train");
  const stream = process.stderr;
  return [
    jsonlObserver(join(output, "events.jsonl")),
    tensorboardObserver(output),
    terminalView({ stream, live: isScreen(stream), colour: coloured(stream) }),
  ];
}

/** A run is never written over another one, nor over anything else. */
function refuseForeignFolder(output: string, resume: boolean | undefined): void {
  if (resume || !existsSync(output) || readdirSync(output).length === 0) return;
  throw new UsageError(
    existsSync(join(output, "events.jsonl"))
      ? `${output} holds a run already; --resume goes on with it, --set output=FOLDER starts another.`
      : `${output} is not empty; name another folder with --set output=FOLDER.`,
  );
}

async function localModel(model: Recipe["model"]): Promise<Recipe["model"]> {
  return "from" in model
    ? { from: await resolvePath(model.from) }
    : { ...model, tokenizer: await resolvePath(model.tokenizer, true) };
}

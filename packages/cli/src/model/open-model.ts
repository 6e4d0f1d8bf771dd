import type { BackendChoice } from "@kvfold/core";
import type { LanguageModel, ModelConfig, WeightStorage } from "@kvfold/models";
import type { EngineOptions } from "../options.js";
import { busy } from "../terminal/interruptible.js";
import { note } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";
import { type NamedPolicy, readPolicies } from "./policies.js";
import { resolvePath } from "./resolve.js";
import { checkBackendName, startBackend } from "./start-backend.js";

/** A model that is ready, and the policies to run it with. */
export interface OpenedModel {
  readonly model: LanguageModel;
  readonly policies: readonly NamedPolicy[];
  readonly backend: BackendChoice;
}

/**
 * Chooses the backend and loads a model. What can be wrong with the command line is found before weights are read.
 *
 * @param name MODEL as the user gave it
 * @param specs SPECs of policies, for a model
 * @param weights how weights are held in memory
 */
export async function openModel(
  name: string,
  specs: (config: ModelConfig) => readonly string[],
  options: EngineOptions,
  weights: WeightStorage = "auto",
): Promise<OpenedModel> {
  const { loadLocalModel, readModelConfig } = await import("@kvfold/models");
  await checkBackendName(options.backend);
  const path = await resolvePath(name);
  const config = await readModelConfig(path);
  const policies = await readPolicies(specs(config), config);
  const choice = await startBackend(options);
  const progress = new Progress("loading weights");
  try {
    const onProgress = (done: number, total: number) => progress.update(done, total);
    const model = await busy(() => loadLocalModel(path, { weights, onProgress }));
    return { model, policies, backend: choice };
  } finally {
    progress.end();
  }
}

/** Says so when a text will be longer than the model was trained for. */
export function noteLongContext(model: LanguageModel, tokens: number): void {
  const { maxPositions } = model.config;
  if (tokens <= maxPositions) return;
  note(
    `note: ${tokens} tokens are more than the context of ${maxPositions} that this model was trained with; quality may fall.`,
  );
}

import { join } from "node:path";
import { KvfoldError, openSafetensors } from "@kvfold/core";
import { type ModelConfig, openModelFiles, parseConfig, safetensorsSource } from "@kvfold/models";
import { Parameters } from "../model/parameters.js";
import { Teacher } from "../model/teacher.js";
import type { Recipe } from "../recipe/recipe.js";
import { isCheckpoint, readCheckpointState, weightsFile } from "./checkpoint.js";
import { modelFields } from "./open-start.js";

/**
 * The model that a recipe distils from: the one it names, else the one that it starts from, before KV heads are pooled.
 *
 * @param student config of the model that learns
 * @returns undefined where nothing is distilled
 * @throws KvfoldError `distill-teacher` for a model that has learnt to compress, or of another vocabulary
 */
export async function openTeacher(
  { distill, model }: Pick<Recipe, "distill" | "model">,
  student: Pick<ModelConfig, "vocabSize">,
  resolveModel: (name: string) => Promise<string>,
): Promise<Teacher | undefined> {
  const name = distill?.teacher ?? ("from" in model ? model.from : undefined);
  if (distill === undefined || distill.weight === 0 || name === undefined) return undefined;
  const path = await resolveModel(name);
  const parameters = isCheckpoint(path) ? ofCheckpoint(path) : await ofModel(path);
  const { vocabSize, retrofit } = parameters.config;
  if (retrofit !== undefined) {
    parameters.dispose();
    refuseRetrofit(path);
  }
  if (vocabSize !== student.vocabSize) {
    parameters.dispose();
    throw new KvfoldError(
      "distill-teacher",
      `The teacher ${path} has a vocabulary of ${vocabSize} tokens, the model that learns one of ${student.vocabSize}. ` +
        "Name a model with the same tokenizer in distill.teacher.",
    );
  }
  return new Teacher(parameters);
}

async function ofModel(path: string): Promise<Parameters> {
  const files = await openModelFiles(path);
  try {
    return Parameters.load(files.source, parseConfig(modelFields(files.kind, path)));
  } finally {
    files.source.close();
  }
}

function ofCheckpoint(path: string): Parameters {
  const { fields, recipe } = readCheckpointState(path);
  if ((recipe as Partial<Recipe>).kind === "retrofit") refuseRetrofit(path);
  using weights = openSafetensors(join(path, weightsFile));
  return Parameters.load(safetensorsSource(weights), parseConfig(fields));
}

/** Its decision channel means nothing to full attention. */
function refuseRetrofit(path: string): never {
  throw new KvfoldError(
    "distill-teacher",
    `${path} has learnt to compress, so under full attention it is no teacher. Name the model that its retrofit started ` +
      "from in distill.teacher, or set distill to null.",
  );
}

import { readFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { readModelConfig } from "@kvfold/models";
import { parameterCount } from "./parameter-count.js";
import { type ParseRecipeOptions, parseRecipe } from "./parse-recipe.js";
import type { Recipe } from "./recipe.js";

/** Options of {@link loadRecipe}. */
export interface LoadRecipeOptions extends Pick<ParseRecipeOptions, "overrides"> {
  /**
   * Finds the folder or `.gguf` file of a model that is no local path (`demo`, an id of the hub); only its config is read.
   * Default: such a model is taken for a small one.
   */
  readonly resolveModel?: (name: string) => Promise<string>;
}

/**
 * Reads a recipe file; the size of its model, which defaults depend on, is taken from the model's config.
 *
 * @throws KvfoldError `file-unreadable`, or what {@link parseRecipe} and the reader of the model's config throw
 */
export async function loadRecipe(path: string, options: LoadRecipeOptions = {}): Promise<Recipe> {
  return readRecipe(await readText(path), { ...options, path });
}

/** As {@link loadRecipe}, of a text. */
export async function readRecipe(
  text: string,
  options: LoadRecipeOptions & { readonly path: string },
): Promise<Recipe> {
  const { path, overrides = [], resolveModel } = options;
  const first = parseRecipe(text, { path, overrides });
  if ("config" in first.model) return first;
  const { from } = first.model;
  const local = isAbsolute(from); // paths have become absolute, other names have not
  if (!local && resolveModel === undefined) return first;
  const config = await readModelConfig(local || resolveModel === undefined ? from : await resolveModel(from));
  return parseRecipe(text, { path, overrides, parameters: parameterCount(config) });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KvfoldError("file-unreadable", `Cannot read the recipe ${path}: ${(cause as Error).message}.`, { cause });
  }
}

import type { LoadRecipeOptions, Recipe } from "@kvfold/train";
import { Option } from "commander";
import { resolvePath } from "../model/resolve.js";
import { note } from "../terminal/output.js";
import { UsageError } from "../usage-error.js";

/** `--set key.path=value`, as often as wanted. */
export function setOption(): Option {
  return new Option("--set <key=value>", "put a value in place of the recipe's; may be repeated").argParser(
    (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
  );
}

/** Reads a recipe file with `--set` applied; remarks on it go to stderr. */
export async function readRecipeFile(path: string, set: readonly string[] | undefined): Promise<Recipe> {
  const { loadRecipe } = await import("@kvfold/train");
  return withOverrides(set, (options) => loadRecipe(path, options));
}

/** Makes a recipe of a command's options; relative paths start from the current folder. */
export async function recipeOf(document: Record<string, unknown>, set: readonly string[] | undefined): Promise<Recipe> {
  const { readRecipe } = await import("@kvfold/train");
  const text = JSON.stringify(document); // JSON is YAML
  return withOverrides(set, (options) => readRecipe(text, { ...options, path: "the command line" }));
}

async function withOverrides(
  set: readonly string[] = [],
  read: (options: LoadRecipeOptions) => Promise<Recipe>,
): Promise<Recipe> {
  const { parseOverride, recipeRemarks } = await import("@kvfold/train");
  try {
    const overrides = set.map(parseOverride);
    const recipe = await read({ overrides, resolveModel: (name) => resolvePath(name, true) });
    for (const remark of recipeRemarks(recipe)) note(`note: ${remark}`);
    return recipe;
  } catch (error) {
    const { KvfoldError } = await import("@kvfold/core");
    if (KvfoldError.isInstance(error) && error.code === "recipe-override")
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

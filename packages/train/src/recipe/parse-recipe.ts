import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Recipe } from "./recipe.js";
import { recipeSchema } from "./recipe-schema.js";
import { type RecipeOverride, RecipeSource } from "./recipe-source.js";
import { resolveRecipe } from "./resolve-recipe.js";
import { schemaProblems } from "./schema-problems.js";

/** Options of {@link parseRecipe}. */
export interface ParseRecipeOptions {
  /** The recipe's file: relative paths in it start from its folder, and messages name it. It is not read. */
  readonly path: string;
  /** Weights of the model that `model.from` names, which defaults depend on; undefined: taken for a small model. */
  readonly parameters?: number | undefined;
  /** Values in place of the file's; relative paths in them start from the current folder. */
  readonly overrides?: readonly RecipeOverride[];
}

/**
 * Reads a recipe (YAML) and fills in every default. Keys, types and defaults are listed in this package's README.
 *
 * The one dial of a retrofit is `cr`: with `tokens` (or `steps`) or without, it sets steps, stages, learning rate and
 * schedule; see {@link dialStages} for the rule. Every key that is given overrides it.
 *
 * @param text the recipe; at most 1 MB
 * @throws KvfoldError `recipe-malformed` with the line and the path of every wrong key, what was expected and the nearest
 * known key; `recipe-override` for an override that cannot be applied
 */
export function parseRecipe(text: string, { path, parameters, overrides = [] }: ParseRecipeOptions): Recipe {
  const source = new RecipeSource(text, basename(path), overrides);
  const value = source.value();
  const read = recipeSchema.safeParse(value);
  if (!read.success) return source.fail(schemaProblems(read.error, recipeSchema, value));
  const folder = (key: string) => (source.isOverridden(key) ? "." : dirname(path));
  const recipe = resolveRecipe(read.data, {
    parameters,
    path: (file, key) => resolve(folder(key), file),
    model: (name, key) => modelPath(name, folder(key)),
  });
  return "kind" in recipe ? recipe : source.fail(recipe);
}

/** A name that is no path of something that is there, and looks like no path, stays: `demo`, or an id of the hub. */
function modelPath(name: string, folder: string): string {
  const path = resolve(folder, name);
  return existsSync(path) || /^[./~\\]|^[A-Za-z]:[\\/]/.test(name) ? path : name;
}

import type { ModelConfig } from "@kvfold/models";
import { parameterShapes } from "../model/parameter-shapes.js";
import type { Recipe } from "../recipe/recipe.js";

/** Names of the weights that a recipe lets learn. */
export function trainedNames(recipe: Pick<Recipe, "train">, config: ModelConfig): string[] {
  const names = [...parameterShapes(config).keys()];
  return recipe.train === "all" ? names : names.filter((name) => name.includes(".self_attn."));
}

/**
 * Names of the weights that Muon updates: the matrices inside the layers. Of projections to q and k it leaves the rows that
 * decide to AdamW: they start at zero and learn only by updates of each weight's own size.
 */
export function muonNames(recipe: Pick<Recipe, "optimizer">, config: ModelConfig): ReadonlySet<string> {
  if (recipe.optimizer.muon === undefined) return new Set();
  const matrices = [...parameterShapes(config)].filter(
    ([name, shape]) => shape.length === 2 && name.startsWith("model.layers."),
  );
  return new Set(matrices.map(([name]) => name));
}

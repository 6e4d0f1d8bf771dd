import type { ModelConfig } from "@kvfold/models";
import { parameterShapes } from "../model/parameter-shapes.js";
import type { Recipe } from "../recipe/recipe.js";

/** Names of the weights that a recipe lets learn. */
export function trainedNames(recipe: Pick<Recipe, "train">, config: ModelConfig): string[] {
  const names = [...parameterShapes(config).keys()];
  return recipe.train === "all" ? names : names.filter((name) => name.includes(".self_attn."));
}

/**
 * Names of the weights that Muon updates: the matrices inside the layers. In a retrofit the projections to q and k stay
 * with AdamW: their decision neuron starts at zero and learns only by updates of each weight's own size.
 */
export function muonNames(recipe: Pick<Recipe, "kind" | "optimizer">, config: ModelConfig): ReadonlySet<string> {
  if (recipe.optimizer.muon === undefined) return new Set();
  const decides = recipe.kind === "retrofit" ? /\.(q_proj|k_proj|qkv_proj)\./ : /^$/;
  const matrices = [...parameterShapes(config)].filter(
    ([name, shape]) => shape.length === 2 && name.startsWith("model.layers.") && !decides.test(name),
  );
  return new Set(matrices.map(([name]) => name));
}

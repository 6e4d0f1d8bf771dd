import { stringify } from "yaml";
import type { Recipe } from "./recipe.js";

/**
 * Writes a recipe as YAML with every key, so that nothing depends on defaults any more: {@link parseRecipe} reads the same
 * recipe back, on any version, from any folder.
 */
export function formatRecipe(recipe: Recipe): string {
  const { kind, model, output, method, steps, kvHeads, data, distill, optimizer, ...rest } = recipe;
  const { cr, ...methodKeys } = method ?? {};
  return stringify({
    kind,
    model,
    output,
    ...(method === undefined ? {} : { cr }),
    steps,
    ...(kvHeads === undefined ? {} : { kvHeads }),
    data: { ...data, recall: data.recall ?? null },
    ...rest,
    optimizer: { ...optimizer, muon: optimizer.muon ?? null },
    distill: distill ?? null,
    ...(method === undefined ? {} : { method: methodKeys }),
  });
}

import { KvfoldError } from "@kvfold/core";
import type { RetrofitConfig } from "@kvfold/models";
import type { MethodRecipe, Recipe } from "../recipe/recipe.js";

/** What the logit of a decision means, by the keys of a recipe's `method`: a model that learnt one meaning decides at random under another. */
export type LearntDecisions = Readonly<Record<string, string | number>>;

/** The decisions that a recipe's method makes. */
export function decisionsOf(method: MethodRecipe): LearntDecisions {
  const { kind, neuron, offset } = method;
  return { kind, neuron, offset, ...(kind === "dms" ? { logitScale: method.logitScale } : {}) };
}

/** The decisions of a model that has learnt to compress. */
export function decisionsOfModel(retrofit: RetrofitConfig): LearntDecisions {
  const { method: kind, neuron, offset } = retrofit;
  return { kind, neuron, offset, ...(kind === "dms" ? { logitScale: retrofit.logitScale } : {}) };
}

/**
 * A retrofit may go on from a model that has learnt to compress, if it reads the decisions as they were learnt.
 *
 * @param learnt of the starting model; undefined for one that has not learnt to compress
 * @throws KvfoldError `retrofit-start` when the recipe's method decides otherwise, naming what to set
 */
export function checkDecisions({ method }: Pick<Recipe, "method">, learnt: LearntDecisions | undefined): void {
  if (method === undefined || learnt === undefined) return;
  const wanted = decisionsOf(method);
  const other = Object.keys(learnt).filter((key) => learnt[key] !== wanted[key]);
  if (other.length === 0) return;
  const list = (from: LearntDecisions) => other.map((key) => `method.${key}: ${from[key] ?? "none"}`).join(", ");
  throw new KvfoldError(
    "retrofit-start",
    `The model in model.from has learnt to compress with ${list(learnt)}; this recipe has ${list(wanted)}, under which its decisions ` +
      "would mean something else. Set what it has learnt with, or start from a model that has not learnt to compress.",
  );
}

import { KvfoldError } from "@kvfold/core";
import type { Recipe } from "../recipe/recipe.js";

/** What the logit of a decision means, by the keys of a recipe's `method`: a model that learnt one meaning decides at random under another. */
export type LearntDecisions = Readonly<Record<string, string | number>>;

/** Those of a recipe's method, or of the retrofit block of a model, whose `method` is the kind. */
export function decisionsOf(deciding: {
  readonly kind: string;
  readonly neuron: string;
  readonly offset: number;
  readonly logitScale?: number;
}): LearntDecisions {
  const { kind, neuron, offset, logitScale } = deciding;
  return { kind, neuron, offset, ...(logitScale === undefined ? {} : { logitScale }) };
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

import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "@kvfold/models";
import type { Recipe } from "../recipe/recipe.js";
import { dmcMethod } from "./dmc-method.js";
import { dmsMethod } from "./dms-method.js";
import type { TrainingMethod } from "./method.js";
import { plainMethod } from "./plain-method.js";

/** What a recipe teaches a model. */
export function openMethod({ kind, method }: Recipe, config: ModelConfig): TrainingMethod {
  if (kind !== "retrofit") return plainMethod(kind);
  if (method?.kind === "dmc") return dmcMethod(method, config);
  if (method?.kind === "dms") return dmsMethod(method, config);
  throw new KvfoldError("recipe-method", "A retrofit needs a method: dmc or dms.");
}

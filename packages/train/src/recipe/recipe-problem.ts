import type { RecipeDocument } from "./recipe-schema.js";

/** Something that is wrong with a recipe. */
export interface Problem {
  /** Keys that lead to it; empty: the file as a whole. */
  readonly path: readonly PropertyKey[];
  /** What is wrong and what would be right; follows the key in a sentence. */
  readonly message: string;
}

/** Rules between keys, which the schema cannot see. */
export function checkRecipe(document: RecipeDocument, refuse: (key: string, message: string) => void): void {
  const { kind, model, cr, tokens, steps, kvHeads, method, distill, data, evaluate, schedule } = document;
  const retrofit = kind === "retrofit";

  if (model.config === undefined) {
    if (model.from === undefined) refuse("model.from", "is missing; it names the model to start from");
    if (model.tokenizer !== undefined) refuse("model.tokenizer", "is for a new model; one that is loaded has its own");
  } else {
    if (model.from !== undefined) refuse("model.config", "and model.from are both there: keep one of them");
    if (model.tokenizer === undefined)
      refuse("model.tokenizer", "is missing; a new model takes the tokenizer of another");
    if (kind !== "pretrain") refuse("model.config", `is a new model, which is only for kind: pretrain, not ${kind}`);
    if (distill && distill.teacher === undefined)
      refuse("distill", "compares with the starting model, and a new model knows nothing yet: name a distill.teacher");
  }

  if (retrofit && cr === undefined) refuse("cr", "is missing; a retrofit needs a ratio to reach, such as 4");
  if (!retrofit && cr !== undefined) refuse("cr", `is only for kind: retrofit, not ${kind}`);
  if (!retrofit && method !== undefined) refuse("method", `is only for kind: retrofit, not ${kind}`);
  if (kind === "uptrain" && kvHeads === undefined)
    refuse("kvHeads", "is missing; an uptrain pools KV heads to this number");
  if (kind !== "uptrain" && kvHeads !== undefined) refuse("kvHeads", `is only for kind: uptrain, not ${kind}`);

  if (distill && distill.weight === 0 && distill.crossEntropy === 0)
    refuse("distill.weight", "and crossEntropy are both 0: nothing is left to learn from");

  if (tokens !== undefined && steps !== undefined) refuse("steps", "and tokens are both there: keep one of them");
  if (!retrofit && tokens === undefined && steps === undefined) refuse("steps", "is missing; give steps or tokens");

  const others = method?.kind === "dms" ? (["window"] as const) : (["logitScale", "delay"] as const);
  for (const key of others) {
    if (method?.[key] !== undefined) refuse(`method.${key}`, `is not for ${method.kind}`);
  }
  if (method !== undefined && method.relaxation !== "sigmoid") {
    for (const key of ["from", "steps"] as const) {
      if (method.annealing[key] !== undefined) refuse(`method.annealing.${key}`, `is not for ${method.relaxation}`);
    }
  }
  if (method?.relaxation === "sigmoid" && method.noiseScale !== undefined)
    refuse("method.noiseScale", "is not for sigmoid, which has no noise");
  if (evaluate.tokens !== undefined && evaluate.tokens > data.heldOut)
    refuse("evaluate.tokens", `is ${evaluate.tokens}, but data.heldOut keeps only ${data.heldOut} tokens back`);
  if (steps !== undefined && (schedule.warmupSteps ?? 0) + (schedule.decaySteps ?? 0) > steps)
    refuse("schedule.decaySteps", `and warmupSteps together are more than the ${steps} steps of the run`);
}

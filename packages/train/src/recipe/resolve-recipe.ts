import { parseConfig } from "@kvfold/models";
import { type DialStages, dialStages, withGivenStages } from "./dial.js";
import { adamwLearningRate, muonLearningRate } from "./learning-rates.js";
import { parameterCount } from "./parameter-count.js";
import type { MethodRecipe, ModelSource, Recipe } from "./recipe.js";
import { checkRecipe, type Problem } from "./recipe-problem.js";
import { methodSchema, type RecipeDocument } from "./recipe-schema.js";

/** What a recipe's defaults depend on beside the file. */
export interface RecipeContext {
  /** Weights of the model that `model.from` names; undefined: not known. */
  readonly parameters: number | undefined;
  /** Makes a path of the recipe absolute. @param key where it stands, such as `data.files` */
  readonly path: (path: string, key: string) => string;
  /** The same for a model, which may also be a hub id or `demo`. */
  readonly model: (name: string, key: string) => string;
}

/**
 * Fills in every default.
 *
 * @returns the recipe, or all that is wrong with the document beyond what the schema can see
 */
export function resolveRecipe(document: RecipeDocument, context: RecipeContext): Recipe | readonly Problem[] {
  const problems: Problem[] = [];
  const refuse = (key: string, message: string) => void problems.push({ path: key.split("."), message });
  checkRecipe(document, refuse);
  const model = modelSource(document, context);
  const parameters = "config" in model ? freshParameters(model.config, refuse) : context.parameters;
  const plan = runPlan(document, parameters, refuse);
  if (problems.length > 0 || plan === undefined) return problems;
  const { steps, stages } = plan;
  const { kind, batch, data, optimizer, schedule, checkpoint, evaluate } = document;
  const fresh = "config" in model;
  return {
    kind,
    model,
    output: context.path(document.output, "output"),
    seed: document.seed,
    precision: document.precision,
    data: {
      ...data,
      files: data.files.map((file) => context.path(file, "data.files")),
      recall: data.recall ?? undefined,
    },
    batch,
    steps,
    optimizer: {
      adamw: {
        ...optimizer.adamw,
        learningRate: optimizer.adamw.learningRate ?? adamwLearningRate(parameters, fresh),
      },
      muon: optimizer.muon
        ? { ...optimizer.muon, learningRate: optimizer.muon.learningRate ?? muonLearningRate(fresh) }
        : undefined,
      decisionRate: optimizer.decisionRate,
      clip: optimizer.clip,
    },
    schedule: {
      kind: schedule.kind,
      warmupSteps: schedule.warmupSteps ?? Math.min(500, Math.ceil(0.05 * steps)),
      decaySteps: schedule.decaySteps ?? stages?.decaySteps ?? Math.floor(0.4 * steps),
      minimum: schedule.minimum ?? (stages === undefined ? 0 : 0.1),
    },
    recompute: document.recompute,
    train: document.train,
    distill: distillation(document, context),
    kvHeads: document.kvHeads,
    method: stages === undefined ? undefined : method(document, stages),
    checkpoint: { everySteps: checkpoint.everySteps ?? Math.min(500, Math.ceil(steps / 10)), keep: checkpoint.keep },
    evaluate: {
      everySteps: evaluate.everySteps ?? Math.ceil(steps / 20),
      tokens: evaluate.tokens ?? Math.min(10_000, data.heldOut),
      recall: evaluate.recall,
    },
  };
}

type Refuse = (key: string, message: string) => void;

function modelSource({ model }: RecipeDocument, context: RecipeContext): ModelSource {
  if (model.config === undefined) return { from: context.model(model.from ?? "", "model.from") };
  return { config: model.config, tokenizer: context.model(model.tokenizer ?? "", "model.tokenizer") };
}

function freshParameters(config: Readonly<Record<string, unknown>>, refuse: Refuse): number | undefined {
  try {
    return parameterCount(parseConfig(config));
  } catch (error) {
    refuse("model.config", (error as Error).message.replace(/\.$/, ""));
    return undefined;
  }
}

/** Steps of the run, and of its stages in a retrofit. */
function runPlan(
  document: RecipeDocument,
  parameters: number | undefined,
  refuse: Refuse,
): { steps: number; stages: DialStages | undefined } | undefined {
  const { batch, tokens, cr } = document;
  const tokensPerStep = batch.rows * batch.length * batch.accumulate;
  const steps = document.steps ?? (tokens === undefined ? undefined : Math.ceil(tokens / tokensPerStep));
  if (document.kind !== "retrofit" || cr === undefined)
    return steps === undefined ? undefined : { steps, stages: undefined };
  const given = document.method?.stages ?? {};
  const dial = dialStages({ method: document.method?.kind ?? "dmc", cr, parameters, tokensPerStep, steps });
  const stages = withGivenStages(dial, given, steps);
  if (stages === undefined) {
    const { blank = "the dial's", ramp = "the dial's", solidify = "the dial's" } = given;
    refuse("method.stages", `must add up to the ${steps} steps of the run, but are ${blank} + ${ramp} + ${solidify}`);
    return undefined;
  }
  return { steps: stages.blank + stages.ramp + stages.solidify, stages };
}

function distillation({ kind, distill, method }: RecipeDocument, context: RecipeContext): Recipe["distill"] {
  if (distill === null) return undefined;
  if (distill !== undefined) {
    const { teacher } = distill;
    return { ...distill, teacher: teacher === undefined ? undefined : context.model(teacher, "distill.teacher") };
  }
  // DMS is trained by distillation alone; DMC's paper uses none
  return kind === "retrofit" && method?.kind === "dms" ? { weight: 1, crossEntropy: 0, teacher: undefined } : undefined;
}

function method(document: RecipeDocument, { blank, ramp, solidify }: DialStages): MethodRecipe {
  const given = document.method ?? methodSchema.parse({});
  const { kind, window = 12, logitScale = 100, delay = 256, annealing: asked, noiseScale = 1, ...common } = given;
  const annealing = {
    from: asked.from ?? Math.max(1, given.temperature),
    steps: asked.steps ?? Math.max(1, ramp),
  };
  const learned = {
    ...common,
    ...(given.relaxation === "sigmoid" ? { annealing } : { noiseScale }),
    cr: document.cr as number,
    stages: { blank, ramp, solidify },
  };
  return kind === "dmc" ? { kind, ...learned, window } : { kind, ...learned, logitScale, delay };
}

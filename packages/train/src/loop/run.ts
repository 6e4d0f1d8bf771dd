import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "@kvfold/models";
import { openTrainingData, type TrainingData } from "../data/open-training-data.js";
import type { TrainingMethod } from "../method/method.js";
import { openMethod } from "../method/open-method.js";
import type { Parameters } from "../model/parameters.js";
import type { Teacher } from "../model/teacher.js";
import { TrainingModel } from "../model/training-model.js";
import { muonNames, trainedNames } from "../optimizer/assignment.js";
import { Optimizer } from "../optimizer/optimizer.js";
import type { Recipe } from "../recipe/recipe.js";
import { decisionAlarm } from "../report/decision-alarm.js";
import { productPeak } from "../report/product-peak.js";
import type { TrainingEvent } from "../report/training-event.js";
import { trainingFlops } from "../report/training-flops.js";
import { checkDecisions } from "./check-decisions.js";
import {
  bestCheckpoint,
  type CheckpointState,
  listCheckpoints,
  pruneCheckpoints,
  readCheckpoint,
  readCheckpointState,
  writeCheckpoint,
} from "./checkpoint.js";
import { Cleanup } from "./cleanup.js";
import { Evaluator } from "./evaluator.js";
import { exportModel } from "./export-model.js";
import { openStart, type Start } from "./open-start.js";
import { openTeacher } from "./open-teacher.js";
import { recipeDifferences } from "./recipe-differences.js";
import { StepTimer } from "./step-timer.js";
import { temporaryFolder } from "./temporary-folder.js";
import type { TrainOptions } from "./train.js";
import { trainingStep } from "./training-step.js";

/** What a run works with. */
interface RunParts {
  readonly recipe: Recipe;
  readonly options: TrainOptions;
  readonly start: Start;
  readonly model: TrainingModel;
  readonly method: TrainingMethod;
  readonly teacher: Teacher | undefined;
  readonly optimizer: Optimizer;
  /** Names of the weights that learn. */
  readonly trained: readonly string[];
  readonly data: TrainingData;
  readonly evaluator: Evaluator;
  readonly timer: StepTimer;
}

/** A run in progress: weights, optimiser, data and where it stands. Owns all of it. */
export class Run implements Disposable {
  step = 0;
  skipped = 0;
  private tokens = 0;
  private perplexity: number | undefined;
  private checkpointed = -1;
  private owned: Cleanup | undefined;
  private readonly alarmsOf = decisionAlarm();

  private constructor(private readonly parts: RunParts) {}

  get recipe(): Recipe {
    return this.parts.recipe;
  }

  get parameters(): Parameters {
    return this.parts.start.parameters;
  }

  static async open(recipe: Recipe, options: TrainOptions): Promise<Run> {
    const checkpoints = listCheckpoints(join(recipe.output, "checkpoints"));
    if (options.resume === "never" && checkpoints.length > 0 && !options.dryRun) {
      throw new KvfoldError(
        "run-exists",
        `${recipe.output} already holds a run, at step ${readCheckpointState(checkpoints.at(-1) as string).step}. Resume it, or choose another output folder.`,
      );
    }
    using cleanup = new Cleanup();
    const shardFolder = options.dryRun ? cleanup.use(temporaryFolder()).path : recipe.output;
    const resolveModel = options.resolveModel ?? (async (name: string) => name);
    const start = await openStart(recipe, resolveModel);
    cleanup.use(start.parameters);
    checkDecisions(recipe, start.learnt);
    const config: ModelConfig = start.parameters.config;
    const model = cleanup.use(new TrainingModel(config));
    const method = openMethod(recipe, config);
    const teacher = await openTeacher(recipe, config, resolveModel);
    if (teacher) cleanup.use(teacher);
    const decisionRows = method.decisionRows?.(start.parameters);
    const optimizer = cleanup.use(new Optimizer(recipe.optimizer, muonNames(recipe, config), decisionRows));
    const data = cleanup.use(
      await openTrainingData(recipe, {
        ...start,
        vocabSize: config.vocabSize,
        folder: shardFolder,
        signal: options.signal,
      }),
    );
    const run = new Run({
      recipe,
      options,
      start,
      model,
      method,
      teacher,
      optimizer,
      trained: trainedNames(recipe, config),
      data,
      evaluator: new Evaluator(recipe, start.tokenizer, data.heldOut),
      timer: new StepTimer(trainingFlops(config, recipe.batch.length), await productPeak()),
    });
    const newest = checkpoints.at(-1);
    if (newest !== undefined) run.resume(newest);
    else if (start.momenta) optimizer.restore(start.momenta.state, start.momenta.updates);
    run.owned = cleanup.move();
    return run;
  }

  /** Tells the observers, and raises the alarm where a step's decisions call for it. */
  emit(event: TrainingEvent): void {
    const alarms = event.type === "step" ? this.alarmsOf(event) : [];
    for (const told of [event, ...alarms]) {
      for (const observer of this.parts.options.observers ?? []) observer.observe(told);
    }
  }

  /** Trains on the step's batches and tells the observers. */
  async takeStep(): Promise<void> {
    const { recipe, parameters } = this;
    const { method, teacher, optimizer, model, trained, data, timer } = this.parts;
    if (method.enter(this.step, parameters)) optimizer.reset();
    const plan = method.at(this.step);
    timer.begin();
    const done = await trainingStep({
      recipe,
      model,
      parameters,
      trained,
      optimizer,
      batches: data.source,
      method,
      teacher,
      plan,
      step: this.step,
    });
    this.step++;
    this.perplexity = undefined;
    this.tokens += done.tokens;
    this.skipped = done.finite ? 0 : this.skipped + 1;
    const speed = timer.end(done.tokens, recipe.steps - this.step);
    if (!done.finite) {
      const message = `Step ${this.step} gave a loss of ${done.losses.loss} and a gradient norm of ${done.gradientNorm}; it was left out.`;
      this.emit({ type: "alarm", step: this.step, code: "not-a-number", message });
    }
    this.emit({
      type: "step",
      step: this.step,
      steps: recipe.steps,
      stage: plan.stage,
      ...done.losses,
      targetRatio: plan.targetRatio,
      ...done.decisions,
      learningRate: done.learningRate,
      gradientNorm: done.gradientNorm,
      tokens: this.tokens,
      ...speed,
    });
  }

  /** Evaluation and checkpoint where one is due. */
  async afterStep(): Promise<void> {
    const { checkpoint, evaluate, steps } = this.recipe;
    const due = (every: number) => every > 0 && (this.step % every === 0 || this.step === steps);
    if (due(evaluate.everySteps)) await this.evaluate();
    if (due(checkpoint.everySteps)) this.checkpoint();
  }

  checkpoint(): void {
    if (this.checkpointed === this.step) return;
    const folder = join(this.recipe.output, "checkpoints");
    const state: CheckpointState = {
      step: this.step,
      tokens: this.tokens,
      updates: this.parts.optimizer.updates,
      skipped: this.skipped,
      perplexity: this.perplexity,
      recipe: this.recipe,
      dataSha256: this.parts.data.sha256,
      fields: this.parts.start.fields,
      tokenizerFrom: this.parts.start.tokenizerFrom,
    };
    const path = writeCheckpoint(folder, this.parameters, this.parts.optimizer, state);
    this.checkpointed = this.step;
    pruneCheckpoints(folder, this.recipe.checkpoint.keep);
    this.emit({ type: "checkpoint", step: this.step, path });
  }

  /** @returns the model's folder */
  async export(): Promise<string> {
    return exportModel(this.recipe.output, this.parameters, this.parts.start, this.parts.method.retrofit);
  }

  dispose(): void {
    this.owned?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private async evaluate(): Promise<void> {
    const result = await this.parts.evaluator.evaluate(this.parameters, this.parts.method, this.step);
    const counts =
      this.parts.method.at(Math.max(0, this.step - 1)).stage === this.parts.method.at(this.recipe.steps - 1).stage;
    const best = counts ? bestCheckpoint(join(this.recipe.output, "checkpoints")) : undefined;
    const lowest = best === undefined ? undefined : readCheckpointState(best).perplexity;
    this.perplexity = counts ? result.perplexity : undefined;
    this.emit({
      type: "evaluation",
      step: this.step,
      ...result,
      best: counts && result.perplexity < (lowest ?? Number.POSITIVE_INFINITY),
    });
  }

  private resume(path: string): void {
    const saved = readCheckpointState(path);
    const differences = recipeDifferences(saved.recipe, this.recipe);
    if (differences.length > 0) {
      throw new KvfoldError(
        "resume-recipe",
        `${this.recipe.output} holds a run of another recipe: ${differences.join("; ")}. ` +
          "Use the same recipe, or another output folder (model.from may name a checkpoint to start from).",
      );
    }
    if (saved.dataSha256 !== undefined && saved.dataSha256 !== this.parts.data.sha256) {
      throw new KvfoldError(
        "resume-data",
        `The text of ${this.recipe.data.files.join(", ")} is not what the run of ${this.recipe.output} was trained on so far. ` +
          "Bring it back, or choose another output folder (model.from may name a checkpoint to start from).",
      );
    }
    const state = readCheckpoint(path, this.parameters, this.parts.optimizer);
    this.step = state.step;
    this.tokens = state.tokens;
    this.skipped = state.skipped;
    this.perplexity = undefined;
    this.checkpointed = state.step;
  }
}

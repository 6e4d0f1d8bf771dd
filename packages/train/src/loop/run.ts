import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "@kvfold/models";
import type { BatchSource } from "../data/batch.js";
import { openTrainingData } from "../data/open-training-data.js";
import type { TrainingMethod } from "../method/method.js";
import { openMethod } from "../method/open-method.js";
import type { Parameters } from "../model/parameters.js";
import { TrainingModel } from "../model/training-model.js";
import { muonNames, trainedNames } from "../optimizer/assignment.js";
import { Optimizer } from "../optimizer/optimizer.js";
import type { Recipe } from "../recipe/recipe.js";
import { decisionAlarm } from "../report/decision-alarm.js";
import type { TrainingEvent } from "../report/training-event.js";
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
import { recipeDifferences } from "./recipe-differences.js";
import { StepTimer } from "./step-timer.js";
import { temporaryFolder } from "./temporary-folder.js";
import type { TrainOptions } from "./train.js";
import { trainingStep } from "./training-step.js";

/** A run in progress: weights, optimiser, data and where it stands. Owns all of it. */
export class Run implements Disposable {
  step = 0;
  skipped = 0;
  private tokens = 0;
  private perplexity: number | undefined;
  private checkpointed = -1;
  private readonly timer: StepTimer;
  private readonly alarmsOf = decisionAlarm();

  private constructor(
    readonly recipe: Recipe,
    readonly parameters: Parameters,
    private readonly options: TrainOptions,
    private readonly model: TrainingModel,
    private readonly method: TrainingMethod,
    private readonly optimizer: Optimizer,
    private readonly batches: BatchSource,
    private readonly evaluator: Evaluator,
    private readonly start: Start,
    private readonly cleanup: Cleanup,
  ) {
    this.timer = new StepTimer(model.config, recipe);
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
    const start = await openStart(recipe, options.resolveModel ?? (async (name) => name));
    cleanup.use(start.parameters);
    const config: ModelConfig = start.parameters.config;
    const model = cleanup.use(new TrainingModel(config));
    const method = openMethod(recipe, config);
    const optimizer = cleanup.use(new Optimizer(recipe.optimizer, muonNames(recipe, config)));
    const data = cleanup.use(
      await openTrainingData(recipe, {
        ...start,
        vocabSize: config.vocabSize,
        folder: shardFolder,
        signal: options.signal,
      }),
    );
    const evaluator = new Evaluator(recipe, start.tokenizer, data.heldOut);
    const run = new Run(
      recipe,
      start.parameters,
      options,
      model,
      method,
      optimizer,
      data.source,
      evaluator,
      start,
      cleanup.move(),
    );
    const newest = checkpoints.at(-1);
    if (newest !== undefined) run.resume(newest);
    else if (start.momenta) optimizer.restore(start.momenta.state, start.momenta.updates);
    return run;
  }

  /** Tells the observers, and raises the alarm where a step's decisions call for it. */
  emit(event: TrainingEvent): void {
    const alarms = event.type === "step" ? this.alarmsOf(event) : [];
    for (const told of [event, ...alarms]) {
      for (const observer of this.options.observers ?? []) observer.observe(told);
    }
  }

  /** Trains on the step's batches and tells the observers. */
  async takeStep(): Promise<void> {
    const { recipe, method, parameters, optimizer } = this;
    if (method.enter(this.step, parameters)) optimizer.reset();
    const plan = method.at(this.step);
    this.timer.begin();
    const done = await trainingStep({
      recipe,
      model: this.model,
      parameters,
      trained: trainedNames(recipe, this.model.config),
      optimizer,
      batches: this.batches,
      method,
      plan,
      step: this.step,
    });
    this.step++;
    this.tokens += done.tokens;
    this.skipped = done.finite ? 0 : this.skipped + 1;
    const speed = this.timer.end(done.tokens, recipe.steps - this.step);
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
      updates: this.optimizer.updates,
      skipped: this.skipped,
      perplexity: this.perplexity,
      recipe: this.recipe,
      fields: this.start.fields,
      tokenizerFrom: this.start.tokenizerFrom,
    };
    const path = writeCheckpoint(folder, this.parameters, this.optimizer, state);
    this.checkpointed = this.step;
    pruneCheckpoints(folder, this.recipe.checkpoint.keep);
    this.emit({ type: "checkpoint", step: this.step, path });
  }

  /** @returns the model's folder */
  async export(): Promise<string> {
    return exportModel(this.recipe.output, this.parameters, this.start, this.method.retrofit);
  }

  dispose(): void {
    this.cleanup[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private async evaluate(): Promise<void> {
    const result = await this.evaluator.evaluate(this.parameters, this.method, this.step);
    const counts = this.method.at(Math.max(0, this.step - 1)).stage === this.method.at(this.recipe.steps - 1).stage;
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
    const state = readCheckpoint(path, this.parameters, this.optimizer);
    this.step = state.step;
    this.tokens = state.tokens;
    this.skipped = state.skipped;
    this.perplexity = undefined;
    this.checkpointed = state.step;
  }
}

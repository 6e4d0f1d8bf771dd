/** What a run tells its observers; each event becomes one line of `events.jsonl`. */
export type TrainingEvent = StartEvent | StepEvent | EvaluationEvent | CheckpointEvent | AlarmEvent | EndEvent;

export interface StartEvent {
  readonly type: "start";
  /** Step that comes next; above 0 when a checkpoint was resumed. */
  readonly step: number;
  readonly steps: number;
  readonly parameters: number;
  readonly tokensPerStep: number;
  readonly backend: string;
}

export interface StepEvent {
  readonly type: "step";
  /** Steps done, from 1. */
  readonly step: number;
  readonly steps: number;
  /** `pretrain`, `uptrain`, `blank`, `ramp` or `solidify`. */
  readonly stage: string;
  /** Sum of all terms that were minimised. */
  readonly loss: number;
  /** Mean cross-entropy of the labels in nats. */
  readonly crossEntropy: number;
  readonly compressionLoss?: number | undefined;
  readonly distillationLoss?: number | undefined;
  /** Compression ratio, tokens per entry, that the schedule asks for at this step. */
  readonly targetRatio?: number | undefined;
  /** Ratio that this step's (noisy) decisions gave, over all layers and heads. */
  readonly ratio?: number | undefined;
  /** Part of tokens merged (or evicted) `[layers][kvHeads]`, 0..1; a lane's ratio is 1 / (1 - part). */
  readonly merged?: readonly (readonly number[])[] | undefined;
  readonly learningRate: number;
  /** Norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /** Tokens trained on so far. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Model FLOPs utilisation, 0..1, of the machine's measured peak; absent where the peak is not known. */
  readonly mfu?: number | undefined;
  readonly secondsLeft: number;
}

export interface EvaluationEvent {
  readonly type: "evaluation";
  readonly step: number;
  /** Held-out perplexity under the inference rule (hard decisions). */
  readonly perplexity: number;
  /** Tokens per entry with hard decisions. */
  readonly ratio?: number | undefined;
  /** Part of recall answers that were right in their first token. */
  readonly recall?: number | undefined;
  readonly best: boolean;
}

export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly path: string;
}

export interface AlarmEvent {
  readonly type: "alarm";
  readonly step: number;
  /** `not-a-number`, `decisions-collapsed`, `decisions-stuck`, `ratio-behind`. */
  readonly code: string;
  readonly message: string;
}

export interface EndEvent {
  readonly type: "end";
  readonly step: number;
  readonly reason: "finished" | "interrupted" | "failed";
  readonly seconds: number;
}

/** Gets every event of a run, in order. */
export interface TrainingObserver {
  observe(event: TrainingEvent): void;
  /** Called once, after the last event. */
  close?(): void;
}

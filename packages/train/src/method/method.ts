import type { CachePolicy, TrainingCall } from "@kvfold/kv-cache";
import type { RetrofitConfig } from "@kvfold/models";
import type * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../model/parameters.js";

/** What holds during one step. */
export interface StepPlan {
  /** `pretrain`, `uptrain`, `blank`, `ramp` or `solidify`. */
  readonly stage: string;
  /** Policy whose training form attention takes. */
  readonly policy: CachePolicy;
  /** Channel that the model gives away by and by. */
  readonly fading?: Pick<TrainingCall, "borrowed" | "borrowedFactor">;
  /** Compression ratio asked for, tokens per entry. */
  readonly targetRatio?: number;
}

/** Decisions of a pass, one record a layer: what the policy's training form gave as auxiliary values. */
export type Auxiliary = readonly Readonly<Record<string, tf.Tensor>>[];

/** What a run teaches the model beside the next token. One file each. */
export interface TrainingMethod {
  /** @param step from 0 */
  at(step: number): StepPlan;
  /** Loss on the decisions, its weight included; undefined: none at this step. */
  compressionLoss(auxiliary: Auxiliary, plan: StepPlan): tf.Scalar | undefined;
  /** Part of tokens merged or evicted, on the device, `[layers, kvHeads]`; undefined where nothing is decided. */
  merged(auxiliary: Auxiliary): tf.Tensor2D | undefined;
  /**
   * Called before each step, and before the first step of a resumed run never for steps already done.
   * @returns true when weights changed so that momenta no longer mean anything
   */
  enter(step: number, parameters: Parameters): boolean;
  /** Rows of projections that decide, by the projection's name; undefined where nothing decides. */
  decisionRows?(parameters: Parameters): ReadonlyMap<string, readonly number[]>;
  /** Block for the exported config; undefined: a plain model. */
  readonly retrofit: RetrofitConfig | undefined;
  /** Policy of the inference rule, under which checkpoints are scored, after `step` steps. */
  inference(step: number): CachePolicy;
}

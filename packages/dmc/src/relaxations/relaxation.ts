import type { Tensor3D } from "@tensorflow/tfjs-core";

/** Where a relaxation decides, for its noise and its schedules. */
export interface RelaxationContext {
  /** Seed of the run. */
  readonly seed: number;
  /** Optimiser step, from 0. */
  readonly step: number;
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** Index within the step of the first row. */
  readonly sequence: number;
}

/** Decisions of a training step, `[rows, kvHeads, tokens]` each. */
export interface RelaxedDecisions {
  /** Merge weight of each token in 0..1: how much of the segment before it lives on. */
  readonly alpha: Tensor3D;
  /** log(1 - alpha), computed without cancellation: how visible the state before the token stays. */
  readonly logAppend: Tensor3D;
}

/** Noise on decisions of the given shape `[rows, kvHeads, tokens]`. */
export type DecisionNoise = (shape: readonly [number, number, number], context: RelaxationContext) => Tensor3D;

/**
 * How a decision becomes a weight that gradients pass through. One file each; a new relaxation needs nothing else.
 */
export interface Relaxation {
  /** As recipes name it. */
  readonly name: string;
  /** @param logits above 0 merges (DMC) or evicts (DMS), `[rows, kvHeads, tokens]` */
  decide(logits: Tensor3D, context: RelaxationContext): RelaxedDecisions;
}

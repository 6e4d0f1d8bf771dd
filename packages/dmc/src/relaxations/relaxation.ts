import type { Tensor3D } from "@tensorflow/tfjs-core";

/** Where a relaxation decides, for its noise. */
export interface RelaxationContext {
  /** Seed of the training step; the same seed gives the same decisions. */
  readonly seed: number;
  /** Index of the layer, from 0. */
  readonly layer: number;
}

/** Decisions of a training step, `[rows, kvHeads, tokens]` each. */
export interface RelaxedDecisions {
  /** Merge weight of each token in 0..1: how much of the segment before it lives on. */
  readonly alpha: Tensor3D;
  /** log(1 - alpha), computed without cancellation: how visible the state before the token stays. */
  readonly logAppend: Tensor3D;
}

/**
 * How a decision becomes a weight that gradients pass through. One file each; a new relaxation needs nothing else.
 */
export interface Relaxation {
  /** As recipes name it. */
  readonly name: string;
  /** @param logits k[neuron] - offset, `[rows, kvHeads, tokens]` */
  decide(logits: Tensor3D, context: RelaxationContext): RelaxedDecisions;
}

import { KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { softDecisions } from "./gumbel-sigmoid.js";
import type { Relaxation } from "./relaxation.js";

/** Options of {@link sigmoidAnnealing}. */
export interface SigmoidAnnealingOptions {
  /** Temperature at the first step. Default 1. */
  readonly from?: number;
  /** Temperature at the end. Default 0.1. */
  readonly to?: number;
  /** Optimiser step at which the temperature starts to fall. Default 0. */
  readonly firstStep?: number;
  /** Steps over which it falls, geometrically; then it stays. */
  readonly steps: number;
}

/**
 * No noise: alpha = sigmoid(logit / temperature), with a temperature that falls from `from` to `to`, so that soft
 * decisions become hard ones. Deterministic.
 *
 * @throws KvfoldError `dmc-options` for temperatures or steps that are not positive
 */
export function sigmoidAnnealing({ from = 1, to = 0.1, firstStep = 0, steps }: SigmoidAnnealingOptions): Relaxation {
  if (!(from > 0 && to > 0 && steps > 0)) {
    throw new KvfoldError(
      "dmc-options",
      `sigmoidAnnealing wants positive temperatures and steps; got from ${from}, to ${to}, steps ${steps}.`,
    );
  }
  return {
    name: "sigmoid",
    decide: (logits, { step }) => {
      const part = Math.min(1, Math.max(0, (step - firstStep) / steps));
      return softDecisions(tf.div(logits, from * (to / from) ** part));
    },
  };
}

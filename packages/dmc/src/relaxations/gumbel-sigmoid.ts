import * as tf from "@tensorflow/tfjs-core";
import { logisticNoise } from "../training/logistic-noise.js";
import type { DecisionNoise, Relaxation } from "./relaxation.js";

/** Options of the relaxations with noise. */
export interface NoisyRelaxationOptions {
  /** Divides logit and noise together; small is nearly hard. Default 0.1, as in the paper. */
  readonly temperature?: number;
  /** Default: {@link logisticNoise}, the difference of two Gumbel(0, 1) samples. */
  readonly noise?: DecisionNoise;
}

/**
 * The relaxation that DMC trains with (Nawrot et al. 2024): alpha = sigmoid((logit + noise) / temperature). The offset
 * and the noise are inside the division.
 */
export function gumbelSigmoid({ temperature = 0.1, noise = logisticNoise }: NoisyRelaxationOptions = {}): Relaxation {
  return {
    name: "gumbel-sigmoid",
    decide: (logits, context) => softDecisions(noisyLogits(logits, noise(logits.shape, context), temperature)),
  };
}

/** (logits + noise) / temperature. */
export function noisyLogits(logits: tf.Tensor3D, noise: tf.Tensor3D, temperature: number): tf.Tensor3D {
  return tf.div(tf.add(logits, noise), temperature);
}

/** alpha = sigmoid(x). */
export function softDecisions(x: tf.Tensor3D): { alpha: tf.Tensor3D; logAppend: tf.Tensor3D } {
  // log(1 - sigmoid(x)) = -softplus(x); tf.logSigmoid does not save what its gradient reads
  return { alpha: tf.sigmoid(x), logAppend: tf.neg(tf.softplus(x)) };
}

import * as tf from "@tensorflow/tfjs-core";
import { logisticNoise } from "../training/logistic-noise.js";
import type { DecisionNoise, Relaxation, RelaxationContext } from "./relaxation.js";

/** Options of the relaxations with noise. */
export interface NoisyRelaxationOptions {
  /** Divides logit and noise together; small is nearly hard. Default 0.1, as in the paper. */
  readonly temperature?: number;
  /**
   * Factor of the noise. Default 1, as in the paper: a decision is surer of itself the further its logit lies beyond 5. With s
   * below 1 logits beyond 5 s suffice, and with 0 there is no noise.
   */
  readonly noiseScale?: number;
  /** Default: {@link logisticNoise}, the difference of two Gumbel(0, 1) samples. */
  readonly noise?: DecisionNoise;
}

/**
 * The relaxation that DMC trains with (Nawrot et al. 2024): alpha = sigmoid((logit + noise) / temperature). The offset
 * and the noise are inside the division.
 */
export function gumbelSigmoid(options: NoisyRelaxationOptions = {}): Relaxation {
  return {
    name: "gumbel-sigmoid",
    decide: (logits, context) => softDecisions(noisyLogits(logits, context, options)),
  };
}

/** (logits + noiseScale x noise) / temperature. */
export function noisyLogits(
  logits: tf.Tensor3D,
  context: RelaxationContext,
  { temperature = 0.1, noiseScale = 1, noise = logisticNoise }: NoisyRelaxationOptions,
): tf.Tensor3D {
  const noisy = noiseScale === 0 ? logits : tf.add(logits, tf.mul(noise(logits.shape, context), noiseScale));
  return tf.div(noisy, temperature);
}

/** alpha = sigmoid(x). */
export function softDecisions(x: tf.Tensor3D): { alpha: tf.Tensor3D; logAppend: tf.Tensor3D } {
  // log(1 - sigmoid(x)) = -softplus(x); tf.logSigmoid does not save what its gradient reads
  return { alpha: tf.sigmoid(x), logAppend: tf.neg(tf.softplus(x)) };
}

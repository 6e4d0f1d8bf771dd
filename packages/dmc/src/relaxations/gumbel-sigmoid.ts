import * as tf from "@tensorflow/tfjs-core";
import type { Relaxation, RelaxationContext } from "./relaxation.js";

/** Options of {@link gumbelSigmoid}. */
export interface GumbelSigmoidOptions {
  /** Divides logit and noise together; small is nearly hard. Default 0.1, as in the paper. */
  readonly temperature?: number;
  /** Difference of two Gumbel(0, 1) samples for each decision of the given shape `[rows, kvHeads, tokens]`. */
  readonly noise: (shape: [number, number, number], context: RelaxationContext) => tf.Tensor3D;
}

/**
 * The relaxation that DMC trains with (Nawrot et al. 2024): alpha = sigmoid((k[neuron] - offset + noise) / temperature).
 * The offset and the noise are inside the division.
 */
export function gumbelSigmoid({ temperature = 0.1, noise }: GumbelSigmoidOptions): Relaxation {
  return {
    name: "gumbel-sigmoid",
    decide: (logits, context) => {
      const noisy = noisyLogits(logits, noise(logits.shape, context), temperature);
      // log(1 - sigmoid(x)) = -softplus(x); tf.logSigmoid does not save what its gradient reads
      return { alpha: tf.sigmoid(noisy), logAppend: tf.neg(tf.softplus(noisy)) };
    },
  };
}

/** (logits + noise) / temperature. */
export function noisyLogits(logits: tf.Tensor3D, noise: tf.Tensor3D, temperature: number): tf.Tensor3D {
  return tf.div(tf.add(logits, noise), temperature);
}

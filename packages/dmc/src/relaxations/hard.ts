import * as tf from "@tensorflow/tfjs-core";
import { mergeEdge } from "../decide.js";
import type { Relaxation } from "./relaxation.js";

/** Added to the scores of a superseded state: large enough that float32 softmax gives exactly 0 (the released code's). */
export const hidden = -50000;

/**
 * The inference rule: 0 or 1, no noise, no gradient to the decision neuron. With it the training form equals decoding
 * over the compacted cache.
 *
 * @param threshold merge probability from which a token merges; default 0.5, the trained rule
 */
export function hard(threshold = 0.5): Relaxation {
  const edge = mergeEdge(threshold);
  const step = tf.customGrad((logits) => ({
    value: tf.cast(tf.greater(logits as tf.Tensor, edge), "float32"),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }));
  return {
    name: "hard",
    decide: (logits) => {
      const alpha = step(logits) as tf.Tensor3D;
      return { alpha, logAppend: tf.mul(alpha, hidden) };
    },
  };
}

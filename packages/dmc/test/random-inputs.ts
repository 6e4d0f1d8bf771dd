import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerInputs } from "./run-cache.js";

/**
 * Inputs of one attention layer whose last channel decides both ways: key neurons around the offset 5, query neurons
 * around -5. Rotated with base 10,000.
 */
export function randomInputs(
  seed: number,
  { rows = 1, queryHeads = 4, kvHeads = 2, tokens = 32, headDim = 8 } = {},
): Required<Omit<LayerInputs, "input">> {
  const random = seeded(seed);
  const withNeuron = (heads: number, center: number, spread: number): tf.Tensor4D => {
    const x = random.normal([rows, heads, tokens, headDim - 1]) as tf.Tensor4D;
    const neuron = tf.add(random.normal([rows, heads, tokens, 1], spread), center);
    return tf.concat([x, neuron], -1) as tf.Tensor4D;
  };
  return {
    q: withNeuron(queryHeads, -5, 1.5),
    k: withNeuron(kvHeads, 5, 1),
    v: random.normal([rows, kvHeads, tokens, headDim]) as tf.Tensor4D,
    theta: 10000,
  };
}

import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { crossEntropy } from "./cross-entropy.js";

function inputs(seed: number, rows: number, vocab: number, scale = 2) {
  const numbers = seeded(seed);
  return {
    logits: numbers.normal<[number, number], tf.Rank.R2>([rows, vocab], scale),
    labels: tf.tensor1d(numbers.integers(rows, 0, vocab), "int32"),
  };
}

/** Conformance cases of {@link crossEntropy}. */
export const crossEntropyCases = kernelSuite(crossEntropy, [
  { title: "one row", inputs: () => inputs(1, 1, 12), attrs: {} },
  { title: "odd sizes", inputs: () => inputs(2, 7, 131), attrs: {} },
  { title: "a vocabulary of one", inputs: () => inputs(3, 3, 1), attrs: {} },
  { title: "logits too large for a plain exponential", inputs: () => inputs(4, 5, 40, 200), attrs: {} },
  {
    title: "ignored labels and weights",
    inputs: () => ({
      ...inputs(5, 5, 17),
      labels: tf.tensor1d([3, -100, 16, -1, 0], "int32"),
      weights: tf.tensor1d([1, 1, 0.25, 2, 0]),
    }),
    attrs: {},
  },
  {
    title: "every label ignored",
    inputs: () => ({ ...inputs(6, 2, 9), labels: tf.tensor1d([-100, -100], "int32") }),
    attrs: {},
  },
]);

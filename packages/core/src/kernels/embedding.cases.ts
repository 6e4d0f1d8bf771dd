import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { embedding } from "./embedding.js";

function inputs(seed: number, vocab: number, dim: number, ids: number[]) {
  const numbers = seeded(seed);
  return {
    table: numbers.normal<[number, number], tf.Rank.R2>([vocab, dim]),
    ids: tf.tensor(numbers.integers(tf.util.sizeFromShape(ids), 0, vocab), ids, "int32"),
  };
}

/** Conformance cases of {@link embedding}. */
export const embeddingCases = kernelSuite(embedding, [
  { title: "one token", inputs: () => inputs(1, 11, 8, [1]), attrs: {} },
  { title: "a batch with repeated tokens", inputs: () => inputs(2, 5, 9, [3, 7]), attrs: {} },
  { title: "a scalar id", inputs: () => inputs(3, 5, 3, []), attrs: {} },
]);

import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { scatterAddRows } from "./scatter-add-rows.js";

function inputs(seed: number, count: number, dim: number, size: number) {
  const numbers = seeded(seed);
  return {
    rows: numbers.normal<[number, number], tf.Rank.R2>([count, dim]),
    ids: tf.tensor1d(numbers.integers(count, 0, size), "int32"),
  };
}

/** Conformance cases of {@link scatterAddRows}. */
export const scatterAddRowsCases = kernelSuite(scatterAddRows, [
  { title: "repeated ids", inputs: () => inputs(1, 20, 5, 4), attrs: { size: 4 } },
  { title: "most rows stay zero", inputs: () => inputs(2, 3, 7, 50), attrs: { size: 50 } },
  { title: "all into one row", inputs: () => inputs(3, 9, 33, 1), attrs: { size: 1 } },
]);

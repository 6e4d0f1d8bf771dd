import type * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { denseLinear } from "./dense-linear.js";

function inputs(seed: number, rows: number[], inputSize: number, outputSize: number, withBias: boolean) {
  const numbers = seeded(seed);
  return {
    x: numbers.normal([...rows, inputSize]),
    weight: numbers.normal<[number, number], tf.Rank.R2>([inputSize, outputSize], inputSize ** -0.5),
    bias: withBias ? numbers.normal<[number], tf.Rank.R1>([outputSize]) : undefined,
  };
}

/** Conformance cases of {@link denseLinear}. */
export const denseLinearCases = kernelSuite(denseLinear, [
  { title: "one row", inputs: () => inputs(1, [1], 16, 8, false), attrs: {} },
  { title: "bias", inputs: () => inputs(2, [3], 16, 8, true), attrs: {} },
  { title: "rank 3, odd sizes", inputs: () => inputs(3, [2, 5], 35, 23, true), attrs: {} },
  { title: "rank 1", inputs: () => inputs(4, [], 9, 7, true), attrs: {} },
  { title: "one input, one output", inputs: () => inputs(5, [4], 1, 1, true), attrs: {} },
  { title: "many rows", inputs: () => inputs(6, [65], 34, 33, false), attrs: {} },
]);

import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { rmsNorm } from "./rms-norm.js";

function inputs(seed: number, shape: number[], scale = 1) {
  const numbers = seeded(seed);
  return { x: numbers.normal(shape, scale), weight: numbers.normal<[number], tf.Rank.R1>([shape.at(-1) as number]) };
}

/** Conformance cases of {@link rmsNorm}. */
export const rmsNormCases = kernelSuite(rmsNorm, [
  { title: "one row", inputs: () => inputs(1, [1, 8]), attrs: { epsilon: 1e-5, weightOffset: 0 } },
  { title: "rank 3, Gemma's offset", inputs: () => inputs(2, [2, 3, 16]), attrs: { epsilon: 1e-6, weightOffset: 1 } },
  { title: "odd width", inputs: () => inputs(3, [5, 67]), attrs: { epsilon: 1e-5, weightOffset: 0 } },
  { title: "rank 1", inputs: () => inputs(4, [33]), attrs: { epsilon: 1e-5, weightOffset: 0 } },
  { title: "large values", inputs: () => inputs(5, [3, 24], 1000), attrs: { epsilon: 1e-5, weightOffset: 0 } },
  {
    title: "epsilon that matters: small values",
    inputs: () => inputs(6, [3, 24], 0.01),
    attrs: { epsilon: 1e-4, weightOffset: 0 },
  },
  {
    title: "a row of zeros",
    inputs: () => ({ x: tf.zeros([2, 8]), weight: seeded(7).normal<[number], tf.Rank.R1>([8]) }),
    attrs: { epsilon: 1e-2, weightOffset: 0 },
  },
]);

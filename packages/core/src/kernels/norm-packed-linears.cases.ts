import type * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { normPackedLinears } from "./norm-packed-linears.js";
import { randomPacked } from "./packed-linear.cases.js";

/** Conformance cases of {@link normPackedLinears}. */
export const normPackedLinearsCases = kernelSuite(normPackedLinears, [
  {
    title: "q, k and v in three storages, biases",
    inputs: () => {
      const numbers = seeded(11);
      const vector = (size: number) => numbers.normal<[number], tf.Rank.R1>([size]);
      return {
        x: numbers.normal([2, 1, 64]),
        norm: vector(64),
        bias0: vector(33),
        bias1: vector(7),
        bias2: vector(9),
      };
    },
    attrs: {
      epsilon: 1e-5,
      weightOffset: 0,
      weights: [randomPacked(1, "q8_0", 33, 64), randomPacked(2, "q4_1", 7, 64), randomPacked(3, "bf16", 9, 64)],
    },
  },
  {
    title: "one layer, many rows, Gemma's norm",
    inputs: () => ({ x: seeded(12).normal([9, 13]), norm: seeded(13).normal<[number], tf.Rank.R1>([13]) }),
    attrs: { epsilon: 1e-6, weightOffset: 1, weights: [randomPacked(4, "f32", 21, 13)] },
  },
]);

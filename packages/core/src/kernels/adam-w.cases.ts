import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { adamW } from "./adam-w.js";

const attrs = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, step: 1 };

/** Conformance cases of {@link adamW}. */
export const adamWCases = kernelSuite(adamW, [
  {
    title: "first step",
    inputs: () => {
      const numbers = seeded(1);
      return { param: numbers.normal([3, 7]), grad: numbers.normal([3, 7]), m: tf.zeros([3, 7]), v: tf.zeros([3, 7]) };
    },
    attrs,
  },
  {
    title: "a later step",
    inputs: () => {
      const numbers = seeded(2);
      const v = tf.square(numbers.normal([35]));
      return { param: numbers.normal([35]), grad: numbers.normal([35]), m: numbers.normal([35]), v };
    },
    attrs: { ...attrs, step: 100 },
  },
  {
    title: "no gradient at all, large epsilon",
    inputs: () => ({ param: seeded(3).normal([4]), grad: tf.zeros([4]), m: tf.zeros([4]), v: tf.zeros([4]) }),
    attrs: { ...attrs, epsilon: 1e-3, weightDecay: 0 },
  },
]);

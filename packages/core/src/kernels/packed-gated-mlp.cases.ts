import type * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { packedGatedMlp } from "./packed-gated-mlp.js";
import { randomPacked } from "./packed-linear.cases.js";

/** Conformance cases of {@link packedGatedMlp}. */
export const packedGatedMlpCases = kernelSuite(packedGatedMlp, [
  {
    title: "bf16, silu, odd sizes",
    inputs: () => ({ x: seeded(1).normal([2, 3, 13]) }),
    attrs: {
      activation: "silu",
      gate: randomPacked(2, "bf16", 35, 13),
      up: randomPacked(3, "bf16", 35, 13),
      down: randomPacked(4, "bf16", 13, 35),
    },
  },
  {
    title: "with a norm and the residual stream, one row",
    inputs: () => ({ x: seeded(21).normal([1, 64]), norm: seeded(22).normal<[number], tf.Rank.R1>([64]) }),
    attrs: {
      activation: "silu",
      preNorm: { epsilon: 1e-5, weightOffset: 0 },
      gate: randomPacked(23, "q4_1", 96, 64),
      up: randomPacked(24, "q4_1", 96, 64),
      down: randomPacked(25, "q8_0", 64, 96),
    },
  },
  {
    title: "with Gemma's norm, many rows, gelu",
    inputs: () => ({ x: seeded(26).normal([7, 21]), norm: seeded(27).normal<[number], tf.Rank.R1>([21]) }),
    attrs: {
      activation: "gelu",
      preNorm: { epsilon: 1e-6, weightOffset: 1 },
      gate: randomPacked(28, "bf16", 19, 21),
      up: randomPacked(29, "f16", 19, 21),
      down: randomPacked(30, "f32", 21, 19),
    },
  },
  {
    title: "each weight its own storage, gelu-tanh, biases",
    inputs: () => {
      const numbers = seeded(5);
      const vector = (size: number) => numbers.normal<[number], tf.Rank.R1>([size]);
      return { x: numbers.normal([1, 32]), gateBias: vector(64), upBias: vector(64), downBias: vector(32) };
    },
    attrs: {
      activation: "gelu-tanh",
      gate: randomPacked(6, "q4_0", 64, 32),
      up: randomPacked(7, "q8_0", 64, 32),
      down: randomPacked(8, "q5_1", 32, 64),
    },
  },
]);

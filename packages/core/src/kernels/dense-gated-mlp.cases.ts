import type * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { denseGatedMlp } from "./dense-gated-mlp.js";

function inputs(seed: number, rows: number[], dim: number, hidden: number, withBias = false) {
  const numbers = seeded(seed);
  const matrix = (from: number, to: number) =>
    numbers.normal<[number, number], tf.Rank.R2>([from, to], from ** -0.5 * 1.5);
  const vector = (size: number) => (withBias ? numbers.normal<[number], tf.Rank.R1>([size]) : undefined);
  return {
    x: numbers.normal([...rows, dim]),
    gate: matrix(dim, hidden),
    up: matrix(dim, hidden),
    down: matrix(hidden, dim),
    gateBias: vector(hidden),
    upBias: vector(hidden),
    downBias: vector(dim),
  };
}

/** Conformance cases of {@link denseGatedMlp}. */
export const denseGatedMlpCases = kernelSuite(denseGatedMlp, [
  { title: "silu, one row", inputs: () => inputs(1, [1], 16, 24), attrs: { activation: "silu" } },
  { title: "silu, odd sizes, biases", inputs: () => inputs(2, [2, 3], 13, 35, true), attrs: { activation: "silu" } },
  { title: "gelu-tanh", inputs: () => inputs(3, [5], 16, 20), attrs: { activation: "gelu-tanh" } },
  { title: "gelu", inputs: () => inputs(4, [5], 16, 20), attrs: { activation: "gelu" } },
  { title: "many rows", inputs: () => inputs(5, [33], 12, 17), attrs: { activation: "silu" } },
]);

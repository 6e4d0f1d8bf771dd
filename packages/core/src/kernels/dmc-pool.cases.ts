import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { dmcPool } from "./dmc-pool.js";

type Shape = [number, number, number, number];

/** `hard`: decisions of 0 and 1; else weights between them. The first token's is not 0, to show that it is ignored. */
function inputs(seed: number, [rows, heads, tokens, width]: Shape, hard = false) {
  const numbers = seeded(seed);
  const perToken: [number, number, number] = [rows, heads, tokens];
  const count = rows * heads * tokens;
  const alpha = Float32Array.from({ length: count }, () => (hard ? Math.round(numbers.next()) : numbers.next()));
  for (let i = 0; i < count; i += tokens) alpha[i] = 1;
  return {
    items: numbers.normal<Shape, tf.Rank.R4>([rows, heads, tokens, width]),
    alpha: tf.tensor3d(alpha, perToken),
    omega: tf.tensor3d(
      Float32Array.from({ length: count }, () => 0.05 + numbers.next()),
      perToken,
    ),
  };
}

/** Conformance cases of {@link dmcPool}. */
export const dmcPoolCases = kernelSuite(dmcPool, [
  { title: "soft decisions, window 4", inputs: () => inputs(1, [2, 2, 9, 6]), attrs: { window: 4 } },
  { title: "hard decisions, window 3", inputs: () => inputs(2, [1, 3, 11, 4], true), attrs: { window: 3 } },
  { title: "no window", inputs: () => inputs(3, [2, 1, 7, 8]), attrs: { window: 7 } },
  { title: "window longer than the text", inputs: () => inputs(4, [1, 2, 5, 4], true), attrs: { window: 12 } },
  { title: "window of one token", inputs: () => inputs(5, [1, 2, 5, 4]), attrs: { window: 1 } },
  { title: "width of a training step", inputs: () => inputs(7, [1, 2, 30, 70]), attrs: { window: 12 } },
  { title: "hard decisions, no window", inputs: () => inputs(8, [1, 2, 20, 33], true), attrs: { window: 20 } },
  { title: "one token", inputs: () => inputs(6, [2, 2, 1, 4]), attrs: { window: 12 } },
]);

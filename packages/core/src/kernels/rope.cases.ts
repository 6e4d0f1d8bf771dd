import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { rope } from "./rope.js";

/** Angles are random: the kernel takes whatever it is given. */
function inputs(seed: number, x: [number, number, number, number], angles: number[]) {
  const numbers = seeded(seed);
  const size = tf.util.sizeFromShape(angles);
  const radians = Array.from({ length: size }, () => numbers.next() * 100);
  return {
    x: numbers.normal<typeof x, tf.Rank.R4>(x),
    cos: tf.tensor(radians.map(Math.cos), angles),
    sin: tf.tensor(radians.map(Math.sin), angles),
  };
}

/** Conformance cases of {@link rope}. */
export const ropeCases = kernelSuite(rope, [
  { title: "one token", inputs: () => inputs(1, [1, 2, 1, 8], [1, 1, 4]), attrs: {} },
  { title: "positions shared by all rows, rank 2", inputs: () => inputs(2, [2, 3, 5, 16], [5, 8]), attrs: {} },
  { title: "positions shared by all rows, rank 3", inputs: () => inputs(3, [2, 3, 5, 16], [1, 5, 8]), attrs: {} },
  { title: "each row its own positions", inputs: () => inputs(4, [3, 2, 4, 8], [3, 4, 4]), attrs: {} },
  { title: "partial rotary", inputs: () => inputs(5, [2, 2, 3, 20], [2, 3, 3]), attrs: {} },
  { title: "smallest pair", inputs: () => inputs(6, [1, 1, 7, 2], [7, 1]), attrs: {} },
]);

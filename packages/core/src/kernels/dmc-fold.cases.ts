import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { dmcFold } from "./dmc-fold.js";

/** A ring in the middle of a text: `counts` tokens in the open segment of each lane, the new token at `slots`. */
function inputs(seed: number, window: number, width: number, counts: number[], slots: number[], merge: number[]) {
  const numbers = seeded(seed);
  const lanes = counts.length;
  const weights = (count: number) => Float32Array.from({ length: count }, () => 0.05 + numbers.next());
  const omega = weights(lanes * window);
  const items = numbers.normals(lanes * window * width);
  const ring = new Float32Array(lanes * window * (width + 1));
  omega.forEach((w, i) => {
    for (let c = 0; c < width; c++) ring[i * (width + 1) + c] = w * (items[i * width + c] ?? 0);
    ring[i * (width + 1) + width] = w;
  });
  return {
    item: numbers.normal<[number, number], tf.Rank.R2>([lanes, width]),
    merge: tf.tensor1d(merge),
    omega: tf.tensor1d(weights(lanes)),
    ring: tf.tensor3d(ring, [lanes, window, width + 1]),
    count: tf.tensor1d(counts),
    slot: tf.tensor1d(slots),
  };
}

/** Conformance cases of {@link dmcFold}. */
export const dmcFoldCases = kernelSuite(dmcFold, [
  {
    title: "merging and opening, segments shorter and longer than the window",
    inputs: () => inputs(1, 4, 6, [1, 3, 9, 2], [0, 3, 2, 1], [1, 1, 1, 0]),
    attrs: {},
  },
  { title: "first token of a text", inputs: () => inputs(2, 12, 8, [0, 0], [0, 0], [0, 0]), attrs: {} },
  { title: "a window of one token", inputs: () => inputs(3, 1, 4, [5, 1], [0, 0], [1, 0]), attrs: {} },
  {
    title: "a segment exactly as long as the window",
    inputs: () => inputs(4, 12, 32, [11, 12, 13], [11, 5, 0], [1, 1, 1]),
    attrs: {},
  },
]);

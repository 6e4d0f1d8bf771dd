import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { dmcSegmentPool } from "./dmc-segment-pool.js";

function inputs(seed: number, [rows, heads, tokens, width]: [number, number, number, number], mergeRate: number) {
  const numbers = seeded(seed);
  const count = rows * heads * tokens;
  const perToken: [number, number, number] = [rows, heads, tokens];
  return {
    items: numbers.normal<[number, number, number, number], tf.Rank.R4>([rows, heads, tokens, width]),
    merge: tf.tensor3d(
      Float32Array.from({ length: count }, () => (numbers.next() < mergeRate ? 1 : 0)),
      perToken,
    ),
    omega: tf.tensor3d(
      Float32Array.from({ length: count }, () => 0.05 + numbers.next()),
      perToken,
    ),
  };
}

/** Conformance cases of {@link dmcSegmentPool}. */
export const dmcSegmentPoolCases = kernelSuite(dmcSegmentPool, [
  { title: "half of the tokens merge", inputs: () => inputs(1, [2, 2, 13, 6], 0.5), attrs: {} },
  { title: "one segment", inputs: () => inputs(2, [1, 2, 20, 4], 1), attrs: {} },
  { title: "no merge", inputs: () => inputs(3, [1, 1, 6, 8], 0), attrs: {} },
  { title: "one token", inputs: () => inputs(4, [3, 1, 1, 4], 1), attrs: {} },
]);

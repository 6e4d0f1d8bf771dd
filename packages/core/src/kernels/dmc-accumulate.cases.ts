import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { dmcAccumulate } from "./dmc-accumulate.js";

function inputs(seed: number, width: number, merge: number[]) {
  const numbers = seeded(seed);
  const lanes = merge.length;
  const weights = () => Float32Array.from({ length: lanes }, () => 0.05 + numbers.next());
  return {
    item: numbers.normal<[number, number], tf.Rank.R2>([lanes, width]),
    merge: tf.tensor1d(merge),
    omega: tf.tensor1d(weights()),
    sums: tf.concat([numbers.normal([lanes, width]), tf.tensor2d(weights(), [lanes, 1])], 1) as tf.Tensor2D,
  };
}

/** Conformance cases of {@link dmcAccumulate}. */
export const dmcAccumulateCases = kernelSuite(dmcAccumulate, [
  { title: "merging and opening lanes", inputs: () => inputs(1, 6, [1, 0, 1, 0, 0]), attrs: {} },
  { title: "one wide lane", inputs: () => inputs(2, 128, [1]), attrs: {} },
]);

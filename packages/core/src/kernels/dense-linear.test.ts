import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeOracle } from "../testing/describe-oracle.js";
import { linearOracle } from "../testing/linear-oracle.js";
import { denseLinearCases } from "./dense-linear.cases.js";
import { denseLinear } from "./dense-linear.js";

describeOracle(denseLinearCases, ({ x, weight, bias }) => [
  // The oracle takes a checkpoint's [out, in].
  linearOracle(x?.values, transposed(weight?.values, weight?.shape), weight?.shape[0], bias?.values),
]);

function transposed(values: ArrayLike<number> = [], [rows = 0, columns = 0]: readonly number[] = []): number[] {
  return Array.from(
    { length: rows * columns },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number,
  );
}

describe("denseLinear", () => {
  it("names the shapes that do not fit", () => {
    tf.tidy(() => {
      const weight = tf.zeros([4, 6]) as tf.Tensor2D;
      const bias = tf.zeros([4]) as tf.Tensor1D;
      expect(() => denseLinear({ x: tf.zeros([2, 6]), weight }, {})).toThrow("needs x [..., 4]");
      expect(() => denseLinear({ x: tf.zeros([2, 4]), weight, bias }, {})).toThrow("bias [6] or none; got x [2,4] and");
    });
  });
});

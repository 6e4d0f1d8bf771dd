import "../gradients.js";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose-backend.js";
import { seeded } from "../testing/seeded.js";
import { sumRows } from "./sum-rows.js";

describe.each(["cpu", "wasm"])("sumRows on %s", (backend) => {
  it.each([1, 7, 255, 512, 700, 49152, 50001])(
    "equals the double sum of %i numbers, and its gradient is 1",
    async (n) => {
      await chooseBackend({ prefer: backend });
      // terms of a softmax: one large, very many small
      const values = seeded(n)
        .normals(2 * n, 1e-4)
        .map(Math.abs);
      values[0] = 1;
      const x = tf.tensor2d(values, [2, n]);
      const found = sumRows(x).dataSync<"float32">();
      [0, 1].forEach((row) => {
        const wanted = values.slice(row * n, (row + 1) * n).reduce((sum, value) => sum + value, 0);
        expect(Math.abs((found[row] as number) / wanted - 1)).toBeLessThan(1e-6);
      });
      const gradient = tf.grad((y: tf.Tensor) => tf.sum(sumRows(y as tf.Tensor2D)))(x);
      expect(tf.min(gradient).dataSync()[0]).toBe(1);
      expect(tf.max(gradient).dataSync()[0]).toBe(1);
    },
  );
});

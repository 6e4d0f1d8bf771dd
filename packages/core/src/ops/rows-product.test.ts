import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose-backend.js";
import { expectClose } from "../testing/expect-close.js";
import { seeded } from "../testing/seeded.js";
import { matrixProduct } from "./matrix-product.js";
import { rowsProduct } from "./rows-product.js";

describe.each(["cpu", "wasm"])("rowsProduct on %s", (prefer) => {
  beforeAll(() => chooseBackend({ prefer }));

  it("multiplies with the transpose, forward and backward as matrixProduct does with a turned weight", () => {
    tf.tidy(() => {
      const x = seeded(1).normal([5, 3]) as tf.Tensor2D;
      const weight = seeded(2).normal([4, 3]) as tf.Tensor2D;
      const pull = seeded(3).normal([5, 4]) as tf.Tensor2D;
      const pulled = (product: (x: tf.Tensor2D, w: tf.Tensor2D) => tf.Tensor) =>
        tf.valueAndGrads((a, b) => tf.sum(tf.mul(product(a as tf.Tensor2D, b as tf.Tensor2D), pull)) as tf.Scalar);
      const own = pulled(rowsProduct)([x, weight]);
      const other = pulled((a, b) => matrixProduct(a, tf.transpose(b)))([x, weight]);
      expectClose(rowsProduct(x, weight).dataSync(), tf.matMul(x, weight, false, true).dataSync());
      for (const i of [0, 1])
        expectClose((own.grads[i] as tf.Tensor).dataSync(), (other.grads[i] as tf.Tensor).dataSync());
      expect(own.grads[1]?.shape).toEqual([4, 3]);
    });
  });
});

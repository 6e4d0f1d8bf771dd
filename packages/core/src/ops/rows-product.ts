import type * as tf from "@tensorflow/tfjs-core";
import { straight, turned, turnedProduct } from "./turned-product.js";
import { withGradient } from "./with-gradient.js";

/**
 * A linear layer whose weight lies as checkpoints store it: `x [n, in]` times the transpose of `weight [out, in]`,
 * `[n, out]`. For training, where the weight must not be turned: every update would have to turn it again.
 */
export function rowsProduct(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return withGradient({
    inputs: { x, weight },
    forward: (save) => {
      save([x, weight]);
      return turnedProduct(straight(x), turned(weight));
    },
    backward: ([dy], [savedX, savedWeight]) => ({
      x: () => turnedProduct(straight(dy as tf.Tensor2D), straight(savedWeight as tf.Tensor2D)),
      weight: () => turnedProduct(turned(dy as tf.Tensor2D), straight(savedX as tf.Tensor2D)),
    }),
  });
}

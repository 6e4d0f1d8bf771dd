import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";
import type { RmsNormAttrs } from "./rms-norm.js";

/** Inputs of {@link rmsNormGradient}. */
export type RmsNormGradientInputs = {
  /** `[..., dim]` */
  x: tf.Tensor;
  /** `[dim]` */
  weight: tf.Tensor1D;
  /** Gradient of the result, of the shape of `x`. */
  dy: tf.Tensor;
};

/**
 * Gradient of `rmsNorm` by x and by the weight. With s = 1 / sqrt(mean(x^2) + epsilon) and g = dy (weight + weightOffset)
 * they are s (g - x s^2 mean(g x)) and the sum of dy x s over all rows. @returns `[dx, dWeight]`
 */
export const rmsNormGradient = defineKernel<RmsNormGradientInputs, RmsNormAttrs, tf.Tensor[]>({
  name: "KvfoldRmsNormGradient",
  reference: ({ x, weight, dy }, { epsilon, weightOffset }) =>
    tf.tidy(() => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
      const pulled = tf.mul(dy, weightOffset === 0 ? weight : tf.add(weight, weightOffset));
      const normal = tf.mul(x, scale);
      const along = tf.mean(tf.mul(pulled, normal), -1, true);
      const rows = x.shape.slice(0, -1).map((_, axis) => axis);
      return [tf.mul(scale, tf.sub(pulled, tf.mul(normal, along))), tf.sum(tf.mul(dy, normal), rows)];
    }),
});

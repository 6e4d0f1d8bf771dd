import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";
import { rmsNormGradient } from "./rms-norm-gradient.js";

/** Inputs of {@link rmsNorm}. */
export type RmsNormInputs = {
  /** `[..., dim]` */
  x: tf.Tensor;
  /** `[dim]` */
  weight: tf.Tensor1D;
};

/** Attributes of {@link rmsNorm}. */
export interface RmsNormAttrs {
  /** Added to the mean square before the root; the `rms_norm_eps` of a model's config. */
  readonly epsilon: number;
  /** What is added to the weight: 0 (Llama, Qwen, Mistral) or 1 (Gemma stores weight - 1). */
  readonly weightOffset: 0 | 1;
}

/**
 * Root-mean-square normalisation over the last axis, `x / sqrt(mean(x^2) + epsilon) * (weight + weightOffset)`, of the
 * same shape as `x` (Zhang and Sennrich 2019, arXiv:1910.07467).
 */
export const rmsNorm = defineKernel<RmsNormInputs, RmsNormAttrs, tf.Tensor>({
  name: "KvfoldRmsNorm",
  differentiable: ["x", "weight"],
  gradient: ({ x, weight }, attrs, [dy]) => {
    const [dx, dWeight] = rmsNormGradient({ x, weight, dy: dy as tf.Tensor }, attrs);
    return { x: dx as tf.Tensor, weight: dWeight as tf.Tensor1D };
  },
  reference: ({ x, weight }, { epsilon, weightOffset }) =>
    tf.tidy(() => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
      const gain = weightOffset === 0 ? weight : tf.add(weight, weightOffset);
      return tf.mul(tf.mul(x, scale), gain);
    }),
});

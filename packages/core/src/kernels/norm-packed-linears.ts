import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";
import type { PackedWeight } from "./linear-weight.js";
import { packedLinear } from "./packed-linear.js";
import { type RmsNormAttrs, rmsNorm } from "./rms-norm.js";

/** Inputs of {@link normPackedLinears}. */
export type NormPackedLinearsInputs = {
  /** `[..., in]` */
  x: tf.Tensor;
  /** `[in]`, weight of the norm */
  norm: tf.Tensor1D;
  /** `[out]` of each layer, by its place */
  bias0?: tf.Tensor1D | undefined;
  bias1?: tf.Tensor1D | undefined;
  bias2?: tf.Tensor1D | undefined;
};

/** Attributes of {@link normPackedLinears}. */
export interface NormPackedLinearsAttrs extends RmsNormAttrs {
  /** One to three matrices `[out, in]`; they receive no gradient. */
  readonly weights: readonly PackedWeight[];
}

/**
 * The products of `rmsNorm(x)` with up to three packed weights: what stands before attention in a decoder layer.
 *
 * @returns `[..., out]` for each weight
 */
export const normPackedLinears = defineKernel<NormPackedLinearsInputs, NormPackedLinearsAttrs, readonly tf.Tensor[]>({
  name: "KvfoldNormPackedLinears",
  differentiable: ["x", "norm", "bias0", "bias1", "bias2"],
  reference: ({ x, norm, bias0, bias1, bias2 }, { weights, epsilon, weightOffset }) =>
    tf.tidy(() => {
      const normed = rmsNorm({ x, weight: norm }, { epsilon, weightOffset });
      const biases = [bias0, bias1, bias2];
      return weights.map((weight, i) => packedLinear({ x: normed, bias: biases[i] }, { weight }));
    }),
});

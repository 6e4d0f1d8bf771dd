import * as tf from "@tensorflow/tfjs-core";
import { withGradient } from "../ops/with-gradient.js";
import { defineKernel } from "./define-kernel.js";
import { checkLinearShapes } from "./dense-linear.js";
import type { PackedWeight } from "./linear-weight.js";

/** Inputs of {@link packedLinear}. */
export type PackedLinearInputs = {
  /** `[..., in]` */
  x: tf.Tensor;
  /** `[out]` */
  bias?: tf.Tensor1D | undefined;
  /** `[..., out]`, the residual stream that the result is added to. */
  residual?: tf.Tensor | undefined;
};

/** Attributes of {@link packedLinear}. */
export interface PackedLinearAttrs {
  /** `[out, in]` in packed storage; receives no gradient. */
  readonly weight: PackedWeight;
}

/**
 * `x weight^T + bias + residual`, of shape `[..., out]`, with the weight in packed storage. The reference form unpacks to float32
 * for every call and keeps nothing.
 */
export const packedLinear = defineKernel<PackedLinearInputs, PackedLinearAttrs, tf.Tensor>({
  name: "KvfoldPackedLinear",
  differentiable: ["x", "bias", "residual"],
  reference: ({ x, bias, residual }, { weight }) =>
    tf.tidy(() => {
      const [outputs, inputs] = weight.shape;
      checkLinearShapes(x, inputs, outputs, bias);
      const product = multiplyRows(tf.reshape(x, [-1, inputs]), weight);
      const biased = bias === undefined ? product : tf.add(product, bias);
      const y = tf.reshape(biased, [...x.shape.slice(0, -1), outputs]);
      return residual === undefined ? y : tf.add(residual, y);
    }),
});

/** `rows [n, in]` times the transposed weight; unpacks again in the backward pass instead of keeping a float32 copy. */
function multiplyRows(rows: tf.Tensor2D, weight: PackedWeight): tf.Tensor2D {
  const unpacked = () => tf.tensor2d(weight.unpack(), [...weight.shape]);
  return withGradient({
    inputs: { rows },
    forward: () => tf.matMul(rows, tf.transpose(unpacked())),
    backward: ([dy]) => ({ rows: () => tf.matMul(dy as tf.Tensor2D, unpacked()) }),
  });
}

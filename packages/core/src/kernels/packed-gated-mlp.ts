import * as tf from "@tensorflow/tfjs-core";
import { type Activation, activate } from "./activation.js";
import { defineKernel } from "./define-kernel.js";
import type { PackedWeight } from "./linear-weight.js";
import { packedLinear } from "./packed-linear.js";
import { type RmsNormAttrs, rmsNorm } from "./rms-norm.js";

/** Inputs of {@link packedGatedMlp}. */
export type PackedGatedMlpInputs = {
  /** `[..., dim]` */
  x: tf.Tensor;
  /** `[hidden]` */
  gateBias?: tf.Tensor1D | undefined;
  /** `[hidden]` */
  upBias?: tf.Tensor1D | undefined;
  /** `[dim]` */
  downBias?: tf.Tensor1D | undefined;
  /** `[dim]`, weight of the RMSNorm before the MLP; with it the result is that of a decoder layer's whole MLP block. */
  norm?: tf.Tensor1D | undefined;
};

/** Attributes of {@link packedGatedMlp}; the weights receive no gradient. */
export interface PackedGatedMlpAttrs {
  readonly activation: Activation;
  /** How the input `norm` is applied; goes with it. */
  readonly preNorm?: RmsNormAttrs | undefined;
  /** `[hidden, dim]` */
  readonly gate: PackedWeight;
  /** `[hidden, dim]` */
  readonly up: PackedWeight;
  /** `[dim, hidden]` */
  readonly down: PackedWeight;
}

/**
 * Gated MLP with all three weights in packed storage: `mlp(x) = down(activation(gate(x)) * up(x))`, of the shape of `x`;
 * with a norm `x + mlp(rmsNorm(x))`.
 */
export const packedGatedMlp = defineKernel<PackedGatedMlpInputs, PackedGatedMlpAttrs, tf.Tensor>({
  name: "KvfoldPackedGatedMlp",
  differentiable: ["x", "gateBias", "upBias", "downBias", "norm"],
  reference: ({ x, gateBias, upBias, downBias, norm }, { activation, gate, up, down, preNorm }) =>
    tf.tidy(() => {
      const withNorm = norm !== undefined && preNorm !== undefined;
      const input = withNorm ? rmsNorm({ x, weight: norm }, preNorm) : x;
      const gated = activate(packedLinear({ x: input, bias: gateBias }, { weight: gate }), activation);
      const hidden = tf.mul(gated, packedLinear({ x: input, bias: upBias }, { weight: up }));
      return packedLinear({ x: hidden, bias: downBias, residual: withNorm ? x : undefined }, { weight: down });
    }),
});

import * as tf from "@tensorflow/tfjs-core";
import { type Activation, activate } from "./activation.js";
import { defineKernel } from "./define-kernel.js";
import type { PackedWeight } from "./linear-weight.js";
import { packedLinear } from "./packed-linear.js";

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
};

/** Attributes of {@link packedGatedMlp}; the weights receive no gradient. */
export interface PackedGatedMlpAttrs {
  readonly activation: Activation;
  /** `[hidden, dim]` */
  readonly gate: PackedWeight;
  /** `[hidden, dim]` */
  readonly up: PackedWeight;
  /** `[dim, hidden]` */
  readonly down: PackedWeight;
}

/** Gated MLP with all three weights in packed storage: `down(activation(gate(x)) * up(x))`, of the shape of `x`. */
export const packedGatedMlp = defineKernel<PackedGatedMlpInputs, PackedGatedMlpAttrs, tf.Tensor>({
  name: "KvfoldPackedGatedMlp",
  differentiable: ["x", "gateBias", "upBias", "downBias"],
  reference: ({ x, gateBias, upBias, downBias }, { activation, gate, up, down }) =>
    tf.tidy(() => {
      const gated = activate(packedLinear({ x, bias: gateBias }, { weight: gate }), activation);
      const hidden = tf.mul(gated, packedLinear({ x, bias: upBias }, { weight: up }));
      return packedLinear({ x: hidden, bias: downBias }, { weight: down });
    }),
});

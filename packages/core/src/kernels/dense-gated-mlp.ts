import * as tf from "@tensorflow/tfjs-core";
import { type Activation, activate } from "./activation.js";
import { defineKernel } from "./define-kernel.js";
import { denseLinear } from "./dense-linear.js";

/** Inputs of {@link denseGatedMlp}. */
export type DenseGatedMlpInputs = {
  /** `[..., dim]` */
  x: tf.Tensor;
  /** `[dim, hidden]` */
  gate: tf.Tensor2D;
  /** `[dim, hidden]` */
  up: tf.Tensor2D;
  /** `[hidden, dim]` */
  down: tf.Tensor2D;
  /** `[hidden]` */
  gateBias?: tf.Tensor1D | undefined;
  /** `[hidden]` */
  upBias?: tf.Tensor1D | undefined;
  /** `[dim]` */
  downBias?: tf.Tensor1D | undefined;
};

/** Attributes of {@link denseGatedMlp}. */
export interface DenseGatedMlpAttrs {
  readonly activation: Activation;
}

/** Gated MLP, `down(activation(gate(x)) * up(x))`, of the shape of `x` (Shazeer 2020, arXiv:2002.05202). */
export const denseGatedMlp = defineKernel<DenseGatedMlpInputs, DenseGatedMlpAttrs, tf.Tensor>({
  name: "KvfoldGatedMlp",
  differentiable: ["x", "gate", "up", "down", "gateBias", "upBias", "downBias"],
  reference: ({ x, gate, up, down, gateBias, upBias, downBias }, { activation }) =>
    tf.tidy(() => {
      const gated = activate(denseLinear({ x, weight: gate, bias: gateBias }, {}), activation);
      const hidden = tf.mul(gated, denseLinear({ x, weight: up, bias: upBias }, {}));
      return denseLinear({ x: hidden, weight: down, bias: downBias }, {});
    }),
});

import * as tf from "@tensorflow/tfjs-core";
import { type Activation, activate } from "./activation.js";
import { defineKernel } from "./define-kernel.js";
import { gatedActivationGradient } from "./gated-activation-gradient.js";

/** Inputs of {@link gatedActivation}, of one shape. */
export type GatedActivationInputs = {
  gate: tf.Tensor;
  up: tf.Tensor;
};

/** Attributes of {@link gatedActivation}. */
export interface GatedActivationAttrs {
  readonly activation: Activation;
}

/**
 * The middle of a gated MLP, `activation(gate) * up`, element by element (Shazeer 2020, arXiv:2002.05202). The fast form
 * keeps gate and up for the backward pass, nothing else.
 *
 * @throws Error when gate and up differ in shape
 */
export const gatedActivation = defineKernel<GatedActivationInputs, GatedActivationAttrs, tf.Tensor>({
  name: "KvfoldGatedActivation",
  differentiable: ["gate", "up"],
  gradient: ({ gate, up }, attrs, [dy]) => {
    const [dGate, dUp] = gatedActivationGradient({ gate, up, dy: dy as tf.Tensor }, attrs);
    return { gate: dGate as tf.Tensor, up: dUp as tf.Tensor };
  },
  reference: ({ gate, up }, { activation }) =>
    tf.tidy(() => {
      tf.util.assertShapesMatch(gate.shape, up.shape, "gate and up of a gated MLP differ in shape: ");
      return tf.mul(activate(gate, activation), up);
    }),
});

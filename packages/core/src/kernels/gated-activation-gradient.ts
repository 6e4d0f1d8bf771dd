import * as tf from "@tensorflow/tfjs-core";
import { activate, activationSlope } from "./activation.js";
import { defineKernel } from "./define-kernel.js";
import type { GatedActivationAttrs, GatedActivationInputs } from "./gated-activation.js";

/** Inputs of {@link gatedActivationGradient}: those of `gatedActivation`, and the gradient of its result, of their shape. */
export type GatedActivationGradientInputs = GatedActivationInputs & { dy: tf.Tensor };

/** Gradient of `gatedActivation`: `activation'(gate) up dy` and `activation(gate) dy`. @returns `[dGate, dUp]` */
export const gatedActivationGradient = defineKernel<GatedActivationGradientInputs, GatedActivationAttrs, tf.Tensor[]>({
  name: "KvfoldGatedActivationGradient",
  reference: ({ gate, up, dy }, { activation }) =>
    tf.tidy(() => [tf.mul(activationSlope(gate, activation), tf.mul(up, dy)), tf.mul(activate(gate, activation), dy)]),
});

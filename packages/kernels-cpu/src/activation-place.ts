import type { Activation } from "@kvfold/core";

/** In the order of `Activation` in `native/kernels/activation.h`. */
const activations: readonly Activation[] = ["silu", "gelu-tanh", "gelu"];

/** The number by which the addon knows an activation. */
export function activationPlace(activation: Activation): number {
  return activations.indexOf(activation);
}

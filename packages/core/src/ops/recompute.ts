import type * as tf from "@tensorflow/tfjs-core";
import { vectorJacobian } from "./vector-jacobian.js";
import { withGradient } from "./with-gradient.js";

/**
 * Runs a computation without keeping what its backward form needs: that is computed again from the inputs when the backward
 * pass comes to it. So only the inputs live in between, and the gradients are the same numbers.
 *
 * @param run from the inputs to the outputs; must give the same both times, so noise must be seeded. Other tensors that it
 * uses must live until the backward pass and receive no gradient
 * @param inputs float32, each of which the outputs depend on
 */
export function recompute(run: (...inputs: tf.Tensor[]) => tf.Tensor[], inputs: readonly tf.Tensor[]): tf.Tensor[] {
  return withGradient({
    inputs: Object.fromEntries(inputs.map((input, i) => [i, input])),
    forward: (save) => {
      save([...inputs]);
      return run(...inputs);
    },
    backward: (upstream, saved) => {
      // computed here and not on demand: the engine disposes all that the computation of one input's gradient leaves
      const gradients = vectorJacobian(run, saved, upstream);
      return Object.fromEntries(gradients.map((gradient, i) => [i, () => gradient]));
    },
  });
}

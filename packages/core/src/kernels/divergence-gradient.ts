import * as tf from "@tensorflow/tfjs-core";
import { sumRows } from "../ops/sum-rows.js";
import { defineKernel } from "./define-kernel.js";
import { type DivergenceRowsInputs, logRatio, logSumExp, probabilities } from "./divergence-rows.js";

/** Inputs of {@link divergenceGradient}: those of `divergenceRows`, and the gradient of its result, `[rows]`. */
export type DivergenceGradientInputs = DivergenceRowsInputs & { dy: tf.Tensor1D };

/** Which of the two logits the gradient is for. */
export interface DivergenceGradientAttrs {
  readonly by: "from" | "to";
}

/**
 * Gradient of `divergence` by one of its logits, `[rows, n]`: by `to` (q - p) dy, by `from` p (log p - log q - KL) dy, with p
 * the softmax of `from` and q that of `to`.
 */
export const divergenceGradient = defineKernel<DivergenceGradientInputs, DivergenceGradientAttrs, tf.Tensor2D>({
  name: "KvfoldDivergenceGradient",
  reference: ({ from, to, dy }, { by }) =>
    tf.tidy(() => {
      const [norms, otherNorms] = [logSumExp(from), logSumExp(to)];
      const pulled =
        by === "to"
          ? tf.tidy(() => tf.sub(probabilities(to, otherNorms), probabilities(from, norms)))
          : pullOnFrom(from, to, norms, otherNorms);
      return tf.mul(pulled, tf.reshape(dy, [-1, 1])) as tf.Tensor2D;
    }),
});

function pullOnFrom(from: tf.Tensor2D, to: tf.Tensor2D, norms: tf.Tensor2D, otherNorms: tf.Tensor2D): tf.Tensor {
  return tf.tidy(() => {
    const [p, ratio] = [probabilities(from, norms), logRatio(from, to, norms, otherNorms)];
    const value = sumRows(tf.mul(p, ratio));
    return tf.mul(p, tf.sub(ratio, value));
  });
}

import * as tf from "@tensorflow/tfjs-core";
import type { CrossEntropyInputs } from "./cross-entropy.js";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link crossEntropyGradient}: those of `crossEntropy`, and the gradient of its result, `[rows]`. */
export type CrossEntropyGradientInputs = CrossEntropyInputs & { dy: tf.Tensor1D };

/** Gradient of `crossEntropy` by the logits, `[rows, vocab]`: (softmax - one-hot) weight dy; 0 in rows without a label. */
export const crossEntropyGradient = defineKernel<CrossEntropyGradientInputs, Record<string, never>, tf.Tensor2D>({
  name: "KvfoldCrossEntropyGradient",
  reference: ({ logits, labels, weights, dy }) =>
    tf.tidy(() => {
      const none = tf.scalar(0, "int32");
      const counted = tf.mul(tf.cast(tf.greaterEqual(labels, none), "float32"), dy);
      const scale = weights === undefined ? counted : tf.mul(counted, weights);
      return pullOnLogits(tf.softmax(logits), tf.maximum(labels, none), scale) as tf.Tensor2D;
    }),
});

/** (p - 1) scale where the label is, p scale elsewhere: only the labels' entries are written again. */
export function pullOnLogits(probabilities: tf.Tensor, labels: tf.Tensor, scale: tf.Tensor): tf.Tensor {
  const rows = probabilities.shape[0] as number;
  const pulled = tf.mul(probabilities, tf.reshape(scale, [rows, 1]));
  const at = tf.stack([tf.range(0, rows, 1, "int32"), labels], 1);
  return tf.tensorScatterUpdate(pulled, at, tf.sub(tf.gatherND(pulled, at), tf.reshape(scale, [rows])));
}

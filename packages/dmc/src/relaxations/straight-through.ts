import * as tf from "@tensorflow/tfjs-core";
import { type NoisyRelaxationOptions, noisyLogits } from "./gumbel-sigmoid.js";
import { hidden } from "./hard.js";
import type { Relaxation } from "./relaxation.js";

/**
 * Hard noisy decisions forward, the gradient of {@link gumbelSigmoid} backward: training sees the cache that inference
 * will have, except for the noise.
 *
 * log(1 - alpha) of a hard decision is 0 or minus infinity, whose gradient does not exist; it gets that of the soft form,
 * -sigmoid(x), which lies in -1..0. A merged-away state has weight exactly 0 in attention, so nothing passes through its
 * mask; such decisions learn from the average they joined and from the compression loss only.
 */
export function straightThrough(options: NoisyRelaxationOptions = {}): Relaxation {
  return {
    name: "straight-through",
    decide: (logits, context) => {
      const x = noisyLogits(logits, context, options);
      return { alpha: hardAlpha(x) as tf.Tensor3D, logAppend: hardLogAppend(x) as tf.Tensor3D };
    },
  };
}

const hardAlpha = tf.customGrad((x, save) => {
  const logits = x as tf.Tensor;
  (save as tf.GradSaveFunc)([logits]);
  return {
    value: tf.cast(tf.greater(logits, 0), "float32"),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => {
      const soft = tf.sigmoid(saved as tf.Tensor);
      return tf.mul(dy, tf.mul(soft, tf.sub(1, soft)));
    },
  };
});

const hardLogAppend = tf.customGrad((x, save) => {
  const logits = x as tf.Tensor;
  (save as tf.GradSaveFunc)([logits]);
  return {
    value: tf.mul(tf.cast(tf.greater(logits, 0), "float32"), hidden),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.neg(tf.mul(dy, tf.sigmoid(saved as tf.Tensor))),
  };
});

import * as tf from "@tensorflow/tfjs-core";

/** Activation of a gated MLP: `silu` (Llama, Qwen, Mistral), `gelu-tanh` (Gemma), `gelu` (with the error function). */
export type Activation = "silu" | "gelu-tanh" | "gelu";

/** Applies an activation element by element; differentiable on every backend. */
export function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  return tf.tidy(() => {
    switch (activation) {
      case "silu":
        return tf.mul(x, tf.sigmoid(x));
      case "gelu":
        return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
      case "gelu-tanh": {
        // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016, arXiv:1606.08415.
        const cubic = tf.mul(tf.mul(tf.square(x), x), 0.044715);
        const inner = tf.mul(tf.add(x, cubic), Math.sqrt(2 / Math.PI));
        return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
      }
    }
  });
}

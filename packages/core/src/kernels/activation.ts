import * as tf from "@tensorflow/tfjs-core";

/** Activation of a gated MLP: `silu` (Llama, Qwen, Mistral), `gelu-tanh` (Gemma), `gelu` (with the error function). */
export type Activation = "silu" | "gelu-tanh" | "gelu";

/** sqrt(2 / pi) and the factor of the cube in `gelu-tanh`. */
const [tanhScale, tanhCube] = [Math.sqrt(2 / Math.PI), 0.044715];

/** Applies an activation element by element; differentiable on every backend. */
export function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  return tf.tidy(() => {
    switch (activation) {
      case "silu":
        return tf.mul(x, tf.sigmoid(x));
      case "gelu":
        return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
      case "gelu-tanh":
        // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016, arXiv:1606.08415.
        return tf.mul(tf.mul(x, 0.5), tf.add(tanhPart(x), 1));
    }
  });
}

/** The derivative of {@link activate}, element by element. */
export function activationSlope(x: tf.Tensor, activation: Activation): tf.Tensor {
  return tf.tidy(() => {
    switch (activation) {
      case "silu": {
        const s = tf.sigmoid(x);
        return tf.mul(s, tf.add(1, tf.mul(x, tf.sub(1, s))));
      }
      case "gelu": {
        // the normal distribution's function, and x times its density
        const below = tf.mul(0.5, tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
        const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return tf.add(below, tf.mul(x, density));
      }
      case "gelu-tanh": {
        const t = tanhPart(x);
        const inner = tf.mul(tanhScale, tf.add(1, tf.mul(tf.square(x), 3 * tanhCube)));
        const steep = tf.mul(tf.mul(x, tf.sub(1, tf.square(t))), inner);
        return tf.mul(0.5, tf.add(tf.add(1, t), steep));
      }
    }
  });
}

function tanhPart(x: tf.Tensor): tf.Tensor {
  const cubic = tf.mul(tf.mul(tf.square(x), x), tanhCube);
  return tf.tanh(tf.mul(tf.add(x, cubic), tanhScale));
}

import * as tf from "@tensorflow/tfjs-core";

/** Coefficients of the quintic iteration that Muon uses: steep at 0, so that five steps suffice; not convergent to 1. */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const;
const iterations = 5;

/**
 * The nearest half-orthogonal matrix to G, roughly: all singular values end between 0.7 and 1.2. Newton-Schulz iteration
 * X ← aX + (bXXᵀ + c(XXᵀ)²)X on G / |G| (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks").
 */
export function muonDirection(g: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const tall = g.shape[0] > g.shape[1];
    let x = tf.div(g, tf.add(tf.norm(g), 1e-7)) as tf.Tensor2D;
    if (tall) x = tf.transpose(x);
    for (let i = 0; i < iterations; i++) {
      const gram = tf.matMul(x, x, false, true);
      const mixed = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c)) as tf.Tensor2D;
      x = tf.add(tf.mul(x, a), tf.matMul(mixed, x));
    }
    return tall ? tf.transpose(x) : x;
  });
}

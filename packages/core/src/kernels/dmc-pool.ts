import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link dmcPool}. */
export type DmcPoolInputs = {
  /** Items to average, keys and values side by side, `[rows, kvHeads, tokens, width]`; keys before RoPE. */
  items: tf.Tensor4D;
  /** Merge weight of each token in 0..1, `[rows, kvHeads, tokens]`; that of the first token is ignored (append). */
  alpha: tf.Tensor3D;
  /** Importance omega > 0 of each token, `[rows, kvHeads, tokens]`. */
  omega: tf.Tensor3D;
};

/** Attributes of {@link dmcPool}. */
export interface DmcPoolAttrs {
  /** Tokens that an average may reach back to, the token itself included; >= tokens means no window. */
  readonly window: number;
}

/**
 * DMC's weighted averages for all tokens at once (Nawrot et al. 2024, partial accumulation; windowed as in the released
 * code): with C(s,t) = product of alpha over s+1..t,
 * z_t = sum of C(s,t) omega_s and pooled_t = sum of C(s,t) omega_s item_s / z_t over the last `window` tokens s.
 * Soft alpha gives the training form, alpha of 0 and 1 the exact state after every decoding step.
 * The number of ops depends on the window, never on the number of tokens.
 *
 * @returns `[pooled, z]`: pooled `[rows, kvHeads, tokens, width]`, z `[rows, kvHeads, tokens]`
 */
export const dmcPool = defineKernel<DmcPoolInputs, DmcPoolAttrs, tf.Tensor[]>({
  name: "KvfoldDmcPool",
  differentiable: ["items", "alpha", "omega"],
  reference: ({ items, alpha, omega }, { window }) =>
    tf.tidy(() => {
      const tokens = items.shape[2];
      // the first token appends: a factor 0 there ends every product
      const follows = Float32Array.from({ length: tokens }, (_, t) => (t === 0 ? 0 : 1));
      const chain = tf.mul(alpha, tf.tensor3d(follows, [1, 1, tokens])) as tf.Tensor3D;
      const weighted = tf.mul(items, tf.expandDims(omega, -1)) as tf.Tensor4D;
      let numerator: tf.Tensor = weighted;
      // 1 everywhere, but made of alpha: its gradient exists (as 0) where nothing reaches back
      let coefficient: tf.Tensor = tf.add(tf.mul(chain, 0), 1);
      let z: tf.Tensor = tf.mul(coefficient, omega);
      for (let back = 1; back < Math.min(window, tokens); back++) {
        coefficient = tf.mul(coefficient, delayed(chain, back - 1));
        numerator = tf.add(numerator, tf.mul(tf.expandDims(coefficient, -1), delayed(weighted, back)));
        z = tf.add(z, tf.mul(coefficient, delayed(omega, back)));
      }
      return [tf.div(numerator, tf.expandDims(z, -1)), z];
    }),
});

/** x of `steps` tokens ago along axis 2, zeros before the first token. */
function delayed<T extends tf.Tensor>(x: T, steps: number): T {
  if (steps === 0) return x;
  const size = x.shape.slice();
  size[2] = (size[2] as number) - steps;
  const begin = x.shape.map(() => 0);
  const padding = x.shape.map((_, axis): [number, number] => [axis === 2 ? steps : 0, 0]);
  return tf.pad(tf.slice(x, begin, size), padding) as T;
}

import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";
import { delayed, followers } from "./dmc-delayed.js";
import { dmcPoolGradient } from "./dmc-pool-gradient.js";

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
  gradient: (inputs, attrs, [dPooled, dZ]) => {
    const [items, alpha, omega] = dmcPoolGradient(
      { ...inputs, dPooled: dPooled as tf.Tensor4D, dZ: dZ as tf.Tensor3D },
      attrs,
    ) as [tf.Tensor4D, tf.Tensor3D, tf.Tensor3D];
    return { items, alpha, omega };
  },
  reference: ({ items, alpha, omega }, { window }) =>
    tf.tidy(() => {
      const tokens = items.shape[2];
      const chain = tf.mul(alpha, followers(tokens)) as tf.Tensor3D;
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

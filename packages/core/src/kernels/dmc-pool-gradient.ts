import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";
import { delayed, followers } from "./dmc-delayed.js";
import type { DmcPoolAttrs, DmcPoolInputs } from "./dmc-pool.js";

/** Inputs of {@link dmcPoolGradient}: those of `dmcPool`, and the gradients of its outputs. */
export type DmcPoolGradientInputs = DmcPoolInputs & {
  dPooled: tf.Tensor4D;
  dZ: tf.Tensor3D;
};

/**
 * Gradient of `dmcPool`. With Gn_t = dPooled_t / z_t, Gz_t = dZ_t - (dPooled_t . pooled_t) / z_t and
 * u(s,t) = Gn_t . item_s + Gz_t:
 * dItem_s = omega_s sum over t of C(s,t) Gn_t, dOmega_s = sum over t of C(s,t) u(s,t), and
 * dAlpha_i = sum over s < i <= t of C(s,i-1) omega_s u(s,t) C(i,t), never divided by alpha: decisions of 0 and 1 are like
 * any other. The first token's alpha gets 0.
 *
 * @returns `[dItems, dAlpha, dOmega]`
 */
export const dmcPoolGradient = defineKernel<DmcPoolGradientInputs, DmcPoolAttrs, tf.Tensor[]>({
  name: "KvfoldDmcPoolGradient",
  reference: ({ items, alpha, omega, dPooled, dZ }, { window }) =>
    tf.tidy(() => {
      const tokens = items.shape[2];
      const count = Math.min(window, tokens);
      const chain = tf.mul(alpha, followers(tokens)) as tf.Tensor3D;
      // for token t and m tokens back: C(t-m,t), omega_{t-m} and dPooled_t . item_{t-m}
      const reach: tf.Tensor3D[] = [tf.onesLike(chain)];
      for (let m = 1; m < count; m++) reach.push(tf.mul(reach[m - 1] as tf.Tensor3D, delayed(chain, m - 1)));
      const omegas = reach.map((_, m) => delayed(omega, m));
      const dots = reach.map((_, m) => tf.sum(tf.mul(dPooled, delayed(items, m)), -1) as tf.Tensor3D);
      const weights = reach.map((c, m) => tf.mul(c, omegas[m] as tf.Tensor3D));
      const z = tf.addN(weights);
      const along = tf.addN(weights.map((weight, m) => tf.mul(weight, dots[m] as tf.Tensor3D)));
      const ofZ = tf.sub(dZ, tf.div(along, tf.square(z)));
      const ofSum = tf.div(dPooled, tf.expandDims(z, -1));
      // what token t gives to the token m before it is taken from m tokens later
      const gathered = (part: (m: number) => tf.Tensor) => tf.addN(reach.map((_, m) => delayed(part(m), -m)));
      const u = dots.map((dot) => tf.add(tf.div(dot, z), ofZ) as tf.Tensor3D);
      const at = <T>(list: readonly T[], m: number) => list[m] as T;
      // sums over s < t-m of C(s,t-m-1) omega_s u(s,t), from the window's start on
      const earlier: tf.Tensor3D[] = [];
      earlier[count - 1] = tf.zerosLike(chain);
      for (let m = count - 1; m > 0; m--) {
        const own = tf.mul(at(omegas, m), at(u, m));
        earlier[m - 1] = tf.add(tf.mul(delayed(chain, m), at(earlier, m)), own);
      }
      const dItems = gathered((m) => tf.mul(tf.expandDims(at(reach, m), -1), ofSum));
      const dOmega = gathered((m) => tf.mul(at(reach, m), at(u, m)));
      const dAlpha = gathered((m) => tf.mul(at(reach, m), at(earlier, m)));
      return [tf.mul(dItems, tf.expandDims(omega, -1)), tf.mul(dAlpha, followers(tokens)), dOmega];
    }),
});

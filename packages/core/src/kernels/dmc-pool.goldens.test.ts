import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { describe, expect, it } from "vitest";
import { openSafetensors } from "../safetensors/safetensors-file.js";
import { goldensPath } from "../testing/shared-files.js";
import { dmcPool } from "./dmc-pool.js";
import { dmcPoolGradient } from "./dmc-pool-gradient.js";
import { dmcSegmentPool } from "./dmc-segment-pool.js";

const folder = goldensPath("dmc") as string;
const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
const window: number = index.files["pooling.safetensors"].meta.window;

describe.each(["cpu", "wasm"])("pooling goldens on %s", (backend) => {
  const withFile = async (body: (read: (name: string) => tf.Tensor) => void) => {
    await tf.setBackend(backend);
    using file = openSafetensors(join(folder, "pooling.safetensors"));
    tf.tidy(() => body((name) => tf.tensor(file.readFloat32(name), [...file.entry(name).shape])));
  };
  /** Largest difference, as a part of the largest expected number. */
  const apart = (actual: tf.Tensor, expected: tf.Tensor) => {
    const worst = tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0] as number;
    return worst / (tf.max(tf.abs(expected)).dataSync()[0] as number);
  };

  it.each([
    ["soft", "win"],
    ["soft", "nowin"],
    ["hard", "win"],
    ["hard", "nowin"],
  ])("%s.%s, averages and gradients", async (kind, reach) => {
    await withFile((read) => {
      const [k, v, omega] = [read("k"), read("v"), read("omega")] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor3D];
      const alpha = read(`alpha_${kind}`) as tf.Tensor3D;
      const [gk, gv] = [read("g_k"), read("g_v")];
      const pool = (ks: tf.Tensor, vs: tf.Tensor, a: tf.Tensor, w: tf.Tensor) =>
        dmcPool(
          { items: tf.concat([ks, vs], 3) as tf.Tensor4D, alpha: a as tf.Tensor3D, omega: w as tf.Tensor3D },
          { window: reach === "win" ? window : k.shape[2] },
        ) as [tf.Tensor4D, tf.Tensor3D];
      const [pooled, z] = pool(k, v, alpha, omega);
      const [pooledK, pooledV] = tf.split(pooled, 2, 3) as [tf.Tensor, tf.Tensor];
      const name = `${kind}.${reach}`;
      expect(apart(pooledK, read(`${name}.k_pooled`))).toBeLessThan(2e-6);
      expect(apart(pooledV, read(`${name}.v_pooled`))).toBeLessThan(2e-6);
      expect(apart(z, read(`${name}.z`))).toBeLessThan(2e-6);
      const loss = (...xs: tf.Tensor[]) => {
        const [ks, vs, a, w] = xs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        return tf.sum(tf.mul(pool(ks, vs, a, w)[0], tf.concat([gk, gv], 3))) as tf.Scalar;
      };
      const gradients = tf.grads(loss)([k, v, alpha, omega]);
      for (const [i, of] of ["k", "v", "alpha", "omega"].entries()) {
        expect([of, apart(gradients[i] as tf.Tensor, read(`${name}.d_${of}`)) < 1e-5]).toEqual([of, true]);
      }
      const [dItems, dAlpha, dOmega] = dmcPoolGradient(
        {
          items: tf.concat([k, v], 3) as tf.Tensor4D,
          alpha,
          omega,
          dPooled: tf.concat([gk, gv], 3) as tf.Tensor4D,
          dZ: tf.zerosLike(omega),
        },
        { window: reach === "win" ? window : k.shape[2] },
      ) as [tf.Tensor4D, tf.Tensor3D, tf.Tensor3D];
      const dItemsExact = tf.concat([read(`${name}.d_k`), read(`${name}.d_v`)], 3);
      expect(apart(dItems, dItemsExact)).toBeLessThan(1e-5);
      expect(apart(dAlpha, read(`${name}.d_alpha`))).toBeLessThan(1e-5);
      expect(apart(dOmega, read(`${name}.d_omega`))).toBeLessThan(1e-5);
    });
  });

  it("hard.nowin by segments, the form of decoding", async () => {
    await withFile((read) => {
      const items = tf.concat([read("k"), read("v")], 3) as tf.Tensor4D;
      const [pooled, z] = dmcSegmentPool(
        { items, merge: read("alpha_hard") as tf.Tensor3D, omega: read("omega") as tf.Tensor3D },
        {},
      ) as [tf.Tensor4D, tf.Tensor3D];
      const expected = tf.concat([read("hard.nowin.k_pooled"), read("hard.nowin.v_pooled")], 3);
      expect(apart(pooled, expected)).toBeLessThan(2e-6);
      expect(apart(z, read("hard.nowin.z"))).toBeLessThan(2e-6);
    });
  });
});

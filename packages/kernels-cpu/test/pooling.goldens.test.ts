// DMC's averages and their gradients on the native backend against the original's.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dmcPool, openSafetensors } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

beforeAll(async () => {
  await tf.setBackend("native");
});

const folder = goldensPath("dmc") as string;
const { window } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")).files["pooling.safetensors"].meta as {
  window: number;
};

describe.each(["soft", "hard"])("%s decisions on native", (kind) => {
  it.each(["win", "nowin"])("%s", (reach) => {
    using file = openSafetensors(join(folder, "pooling.safetensors"));
    const read = (name: string): tf.Tensor => tf.tensor(file.readFloat32(name), [...file.entry(name).shape]);
    const both = (prefix: string, suffix = "") =>
      tf.concat([read(`${prefix}k${suffix}`), read(`${prefix}v${suffix}`)], 3);
    tf.tidy(() => {
      const name = `${kind}.${reach}`;
      const inputs = [both(""), read(`alpha_${kind}`), read("omega")];
      const pool = (items: tf.Tensor, alpha: tf.Tensor, omega: tf.Tensor) =>
        dmcPool(
          { items: items as tf.Tensor4D, alpha: alpha as tf.Tensor3D, omega: omega as tf.Tensor3D },
          { window: reach === "win" ? window : (items.shape[2] as number) },
        ) as [tf.Tensor4D, tf.Tensor3D];
      const [items, alpha, omega] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [pooled, z] = pool(items, alpha, omega);
      expect(apart(pooled, both(`${name}.`, "_pooled"))).toBeLessThan(2e-6);
      expect(apart(z, read(`${name}.z`))).toBeLessThan(2e-6);
      const loss = (x: tf.Tensor, a: tf.Tensor, w: tf.Tensor) =>
        tf.sum(tf.mul(pool(x, a, w)[0], both("g_"))) as tf.Scalar;
      const [dItems, dAlpha, dOmega] = tf.grads(loss as never)(inputs) as [tf.Tensor, tf.Tensor, tf.Tensor];
      expect(apart(dItems, both(`${name}.d_`))).toBeLessThan(1e-5);
      expect(apart(dAlpha, read(`${name}.d_alpha`))).toBeLessThan(1e-5);
      expect(apart(dOmega, read(`${name}.d_omega`))).toBeLessThan(1e-5);
    });
  });
});

/** Largest difference, as a part of the largest expected number. */
function apart(found: tf.Tensor, wanted: tf.Tensor): number {
  const worst = tf.max(tf.abs(tf.sub(found, wanted))).dataSync()[0] as number;
  return worst / (tf.max(tf.abs(wanted)).dataSync()[0] as number);
}

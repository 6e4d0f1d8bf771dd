import { dmcPool, dmcSegmentPool } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { it } from "vitest";
import { describeGolden } from "../../test/golden.js";
import { tolerances } from "../../test/tolerances.js";

describeGolden("pooling.safetensors", (golden) => {
  it.each(golden.cases(/^(.+)\.k_pooled$/))("%s: averages and their gradients", (name) => {
    const [kind, reach] = name.split(".");
    const [k, v] = [golden.tensor("k"), golden.tensor("v")];
    const alpha = golden.tensor<tf.Tensor3D>(`alpha_${kind}`);
    const omega = golden.tensor<tf.Tensor3D>("omega");
    const [, , tokens, headDim] = k.shape;
    const window = reach === "win" ? golden.setting("window") : tokens;
    const pool = (k: tf.Tensor4D, v: tf.Tensor4D, alpha: tf.Tensor3D, omega: tf.Tensor3D) => {
      const [pooled, z] = dmcPool({ items: tf.concat([k, v], -1), alpha, omega }, { window }) as tf.Tensor[];
      const half = (start: number) => tf.slice(pooled as tf.Tensor4D, [0, 0, 0, start], [-1, -1, -1, headDim]);
      return { k: half(0), v: half(headDim), z: z as tf.Tensor };
    };
    const pooled = pool(k, v, alpha, omega);
    golden.close(`${name}.k_pooled`, pooled.k, tolerances.states);
    golden.close(`${name}.v_pooled`, pooled.v, tolerances.states);
    golden.close(`${name}.z`, pooled.z, tolerances.states);
    const [gK, gV] = [golden.tensor("g_k"), golden.tensor("g_v")];
    const loss = (...x: tf.Tensor[]) => {
      const y = pool(...(x as [tf.Tensor4D, tf.Tensor4D, tf.Tensor3D, tf.Tensor3D]));
      return tf.add(tf.sum(tf.mul(y.k, gK)), tf.sum(tf.mul(y.v, gV)));
    };
    const gradients = tf.grads(loss)([k, v, alpha, omega]);
    ["d_k", "d_v", "d_alpha", "d_omega"].forEach((part, i) => {
      golden.closeGradient(`${name}.${part}`, gradients[i] as tf.Tensor);
    });
  });

  it("hard.nowin: the quadratic form that prefill uses", () => {
    const items = tf.concat([golden.tensor("k"), golden.tensor("v")], -1) as tf.Tensor4D;
    const alpha = golden.tensor<tf.Tensor3D>("alpha_hard");
    const omega = golden.tensor<tf.Tensor3D>("omega");
    const [pooled, z] = dmcSegmentPool({ items, merge: alpha, omega }, {}) as [tf.Tensor, tf.Tensor];
    const [k, v] = tf.split(pooled, 2, -1) as [tf.Tensor, tf.Tensor];
    golden.close("hard.nowin.k_pooled", k, tolerances.states);
    golden.close("hard.nowin.v_pooled", v, tolerances.states);
    golden.close("hard.nowin.z", z, tolerances.states);
  });
});

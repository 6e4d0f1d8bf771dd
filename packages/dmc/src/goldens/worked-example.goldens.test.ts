import { dmcFold, dmcPool } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeGolden, type Golden } from "../../test/golden.js";
import { tolerances } from "../../test/tolerances.js";

describeGolden("worked_example.safetensors", (golden) => {
  const inputs = () => {
    const items = tf.concat([golden.tensor<tf.Tensor2D>("k"), golden.tensor<tf.Tensor2D>("v")], -1) as tf.Tensor2D;
    return { items, merge: [...golden.values("alpha")], omega: [...golden.values("omega")] };
  };

  it("all tokens at once", () => {
    const { items, merge, omega } = inputs();
    const [tokens, width] = items.shape;
    const [pooled] = dmcPool(
      {
        items: tf.reshape(items, [1, 1, tokens, width]) as tf.Tensor4D,
        alpha: tf.tensor3d(merge, [1, 1, tokens]),
        omega: tf.tensor3d(omega, [1, 1, tokens]),
      },
      { window: tokens },
    ) as [tf.Tensor4D];
    expectStates(golden, tf.reshape(pooled, [tokens, width]));
  });

  it("token by token", () => {
    const { items, merge, omega } = inputs();
    const [tokens, width] = items.shape;
    let ring: tf.Tensor3D = tf.zeros([1, tokens, width + 1]);
    let count: tf.Tensor1D = tf.zeros([1]);
    const states = merge.map((decision, t) => {
      const token = {
        item: tf.slice(items, [t, 0], [1, -1]) as tf.Tensor2D,
        merge: tf.tensor1d([t === 0 ? 0 : decision]),
        omega: tf.tensor1d([omega[t] ?? 0]),
        slot: tf.tensor1d([t]),
      };
      const [pooled, , newRing, newCount] = dmcFold({ ...token, ring, count }, {}) as tf.Tensor[];
      [ring, count] = [newRing as tf.Tensor3D, newCount as tf.Tensor1D];
      return pooled as tf.Tensor2D;
    });
    expectStates(golden, tf.concat(states, 0));
  });
});

function expectStates(golden: Golden, states: tf.Tensor): void {
  const [keys, values] = tf.split(states, 2, -1) as [tf.Tensor, tf.Tensor];
  golden.close("k_states", keys, tolerances.states);
  golden.close("v_states", values, tolerances.states);
  const merge = [...golden.values("alpha")];
  const ends = merge.flatMap((_, t) => (merge[t + 1] === 1 ? [] : [t]));
  golden.exact("segment_end", ends);
  const at = tf.tensor1d(ends, "int32");
  golden.close("k_cache", tf.gather(keys, at), tolerances.states);
  golden.close("v_cache", tf.gather(values, at), tolerances.states);
  const segments = golden.entry.meta.segments as number[];
  expect(merge.length / ends.length).toBe(segments.reduce((a, b) => a + b, 0) / segments.length);
}

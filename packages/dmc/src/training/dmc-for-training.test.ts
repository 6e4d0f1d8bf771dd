import { chooseBackend } from "@kvfold/core";
import { expectClose } from "@kvfold/core/testing";
import { trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { randomInputs } from "../../test/random-inputs.js";
import { plainRope } from "../../test/run-cache.js";
import type { DmcOptions } from "../dmc-options.js";
import { gumbelSigmoid } from "../relaxations/gumbel-sigmoid.js";
import { makeRelaxation, type RelaxationName } from "../relaxations/make-relaxation.js";
import { compressionLoss } from "./compression-loss.js";
import { dmcForTraining } from "./dmc-for-training.js";

const headDim = 8;
const shape = { layer: 0, layers: 2, queryHeads: 4, kvHeads: 2, headDim };
const rope = plainRope(headDim, 10000, 64);

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

function decisions(options: DmcOptions, inputs: ReturnType<typeof randomInputs>, place: object) {
  const layer = dmcForTraining(options, gumbelSigmoid()).forLayer(shape);
  const { out, auxiliary } = trainingAttention(layer, { ...inputs, rope, ...place });
  return { out: out.dataSync<"float32">(), alpha: auxiliary.alpha as tf.Tensor3D };
}

describe("dmcForTraining", () => {
  it("draws the same decisions however the rows of a step are split", () => {
    const inputs = randomInputs(3, { rows: 4 });
    const whole = decisions({}, inputs, { seed: 5, step: 9 });
    const parts = [0, 2].map((row) => {
      const part = (x: tf.Tensor4D) => tf.slice(x, [row, 0, 0, 0], [2, -1, -1, -1]);
      const own = { ...inputs, q: part(inputs.q), k: part(inputs.k), v: part(inputs.v) };
      return decisions({}, own, { seed: 5, step: 9, sequence: row });
    });
    expect(parts.flatMap(({ alpha }) => [...alpha.dataSync()])).toEqual([...whole.alpha.dataSync()]);
    expectClose(Float32Array.from(parts.flatMap(({ out }) => [...out])), whole.out, 1e-6);
    const next = decisions({}, inputs, { seed: 5, step: 10 });
    expect(next.alpha.dataSync()).not.toEqual(whole.alpha.dataSync());
  });

  it("granularity layer: the first head decides for all, and learns for all", () => {
    const inputs = randomInputs(4, { rows: 2 });
    const layer = dmcForTraining({ granularity: "layer" }, gumbelSigmoid()).forLayer(shape);
    const alphaOf = (k: tf.Tensor) =>
      trainingAttention(layer, { ...inputs, k: k as tf.Tensor4D, rope }).auxiliary.alpha;
    const [first, second] = tf.unstack(alphaOf(inputs.k) as tf.Tensor3D, 1) as [tf.Tensor, tf.Tensor];
    expect(second.dataSync()).toEqual(first.dataSync());
    const gradient = tf.grad((k) => compressionLoss([alphaOf(k) as tf.Tensor3D], { ratio: 8 }))(inputs.k);
    const largest = tf.max(tf.abs(gradient), [0, 2, 3]).dataSync();
    expect(largest[0]).toBeGreaterThan(0);
    expect(largest[1]).toBe(0);
  });

  it("layers that do not fold train as ordinary attention", () => {
    const policy = dmcForTraining({ layers: [1] }, gumbelSigmoid());
    expect(policy.forLayer(shape).traits.borrowed).toBeUndefined();
    expect(trainingAttention(policy.forLayer(shape), { ...randomInputs(5), rope }).auxiliary).toEqual({});
    expect(policy.forLayer({ ...shape, layer: 1 }).traits.borrowed).toBeDefined();
  });

  it.each<RelaxationName>(["gumbel-sigmoid", "straight-through", "sigmoid"])(
    "%s: the language loss reaches the decision neuron with finite gradients",
    (name) => {
      const inputs = randomInputs(6, { rows: 2, tokens: 40 });
      const relaxation = makeRelaxation(name, { temperature: 0.1 });
      const layer = dmcForTraining({}, relaxation).forLayer(shape);
      const gradient = tf.grad((k) =>
        tf.sum(tf.square(trainingAttention(layer, { ...inputs, k: k as tf.Tensor4D, rope, step: 100 }).out)),
      )(inputs.k);
      const neuron = tf.slice(gradient, [0, 0, 0, headDim - 1], [-1, -1, -1, 1]);
      expect(gradient.dataSync<"float32">().every(Number.isFinite)).toBe(true);
      expect(tf.max(tf.abs(neuron)).dataSync()[0]).toBeGreaterThan(1e-4);
    },
  );

  it("refuses forced decisions", () => {
    expect(() => dmcForTraining({ force: 2 }, gumbelSigmoid())).toThrow("leave it out to train");
  });
});

import { chooseBackend } from "@kvfold/core";
import { expectClose } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { gumbelSigmoid } from "./gumbel-sigmoid.js";
import { makeRelaxation } from "./make-relaxation.js";
import type { Relaxation } from "./relaxation.js";
import { sigmoidAnnealing } from "./sigmoid-annealing.js";
import { straightThrough } from "./straight-through.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

const context = { seed: 1, step: 0, layer: 0, sequence: 0 };
const values = [-30, -1, -0.1, 0.1, 1, 30];
const logits = () => tf.tensor3d(values, [1, 1, values.length]);
const noise = () => tf.zerosLike(logits());

/** Gradient of the sum of one of the two results. */
function gradient(relaxation: Relaxation, part: "alpha" | "logAppend", step = 0) {
  return tf
    .grad((x) => tf.sum(relaxation.decide(x as tf.Tensor3D, { ...context, step })[part]))(logits())
    .dataSync<"float32">();
}

describe("straightThrough", () => {
  const relaxation = straightThrough({ temperature: 0.5, noise });
  const soft = gumbelSigmoid({ temperature: 0.5, noise });

  it("decides hard, and lets gradients through as the soft form does", () => {
    const { alpha, logAppend } = relaxation.decide(logits(), context);
    expect([...alpha.dataSync()]).toEqual([0, 0, 0, 1, 1, 1]);
    expectClose(logAppend.dataSync(), [0, 0, 0, -50000, -50000, -50000], 0);
    for (const part of ["alpha", "logAppend"] as const) {
      const found = gradient(relaxation, part);
      expectClose(found, gradient(soft, part), 1e-6);
      expect(found.every(Number.isFinite)).toBe(true);
    }
  });

  it("draws its own noise unless given some", () => {
    const drawn = straightThrough({ temperature: 0.1 });
    const decide = (seed: number) =>
      drawn.decide(tf.zeros([2, 4, 64]) as tf.Tensor3D, { ...context, seed }).alpha.dataSync<"float32">();
    expect(decide(1)).toEqual(decide(1));
    expect(decide(1)).not.toEqual(decide(2));
    const merged = decide(1).reduce((sum, x) => sum + x, 0);
    expect(Math.abs(merged - 256)).toBeLessThan(5 * Math.sqrt(512 / 4));
  });
});

describe("noiseScale", () => {
  const sampled = (scale: number) =>
    gumbelSigmoid({ temperature: 0.01, noiseScale: scale })
      .decide(tf.fill([2, 4, 512], 0.3) as tf.Tensor3D, context)
      .alpha.dataSync<"float32">();
  const merged = (scale: number) => sampled(scale).reduce((sum, x) => sum + x, 0) / 4096;

  it("decides as often as a logit that is larger by the same factor", () => {
    for (const scale of [1, 0.3, 0.1]) {
      const rate = 1 / (1 + Math.exp(-0.3 / scale));
      expect(Math.abs(merged(scale) - rate)).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / 4096));
    }
  });

  it("of 0 draws nothing", () => {
    expectClose(sampled(0), new Float32Array(4096).fill(1), 1e-6);
    const drawn = () => {
      throw new Error("drawn");
    };
    straightThrough({ noiseScale: 0, noise: drawn }).decide(logits(), context);
  });
});

describe("sigmoidAnnealing", () => {
  const relaxation = sigmoidAnnealing({ from: 1, to: 0.01, firstStep: 10, steps: 100 });
  it("divides by a temperature that falls geometrically, then stays", () => {
    const alpha = (step: number) => relaxation.decide(logits(), { ...context, step }).alpha.dataSync<"float32">();
    const expected = (temperature: number) => values.map((x) => 1 / (1 + Math.exp(-x / temperature)));
    expectClose(alpha(0), expected(1), 1e-6);
    expectClose(alpha(10), expected(1), 1e-6);
    expectClose(alpha(60), expected(0.1), 1e-6);
    expectClose(alpha(110), expected(0.01), 1e-6);
    expectClose(alpha(5000), expected(0.01), 1e-6);
  });

  it("has finite gradients far from the threshold", () => {
    for (const part of ["alpha", "logAppend"] as const) {
      expect(gradient(relaxation, part, 5000).every(Number.isFinite)).toBe(true);
    }
  });

  it("refuses what is not positive", () => {
    expect(() => sigmoidAnnealing({ to: 0, steps: 10 })).toThrow("positive");
    expect(() => sigmoidAnnealing({ steps: 0 })).toThrow("positive");
  });
});

it.each(["gumbel-sigmoid", "straight-through", "sigmoid"] as const)("makes %s from its name in a recipe", (name) => {
  const relaxation = makeRelaxation(name, { temperature: 0.1, annealing: { from: 1, firstStep: 0, steps: 50 } });
  expect(relaxation.name).toBe(name);
  expect(relaxation.decide(logits(), context).alpha.shape).toEqual([1, 1, values.length]);
});

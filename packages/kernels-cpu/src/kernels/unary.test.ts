import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "vitest";
import { expectAsOnCpu, floats, ints } from "../../test/against-cpu.js";

/** Absolute plus relative; exact where the operation is. The C++ tests bound the others in ulp. */
const functions: Record<string, [(x: tf.Tensor) => tf.Tensor, number]> = {
  abs: [tf.abs, 0],
  ceil: [tf.ceil, 0],
  clipByValue: [(x) => tf.clipByValue(x, -0.75, 0.5), 0],
  elu: [tf.elu, 1e-6],
  // The JavaScript kernel's own formula is 1.5e-7 off.
  erf: [tf.erf, 4e-7],
  exp: [tf.exp, 3e-7],
  floor: [tf.floor, 0],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.25), 0],
  log: [tf.log, 3e-7],
  log1p: [tf.log1p, 4e-7],
  neg: [tf.neg, 0],
  reciprocal: [tf.reciprocal, 0],
  relu: [tf.relu, 0],
  relu6: [tf.relu6, 0],
  round: [tf.round, 0],
  rsqrt: [tf.rsqrt, 3e-7],
  sigmoid: [tf.sigmoid, 4e-7],
  sign: [tf.sign, 0],
  softplus: [tf.softplus, 4e-7],
  sqrt: [tf.sqrt, 0],
  square: [tf.square, 0],
  step: [(x) => tf.step(x, 0.25), 0],
  tanh: [tf.tanh, 3e-7],
};

const shapes = [[], [0, 3], [1], [7], [17], [3, 5, 11], [20001]];

describe.each(Object.entries(functions))("%s", (_, [compute, tolerance]) => {
  it.each(shapes.map((shape) => ({ shape })))("of [$shape] is what the JavaScript kernel makes", async ({ shape }) => {
    await expectAsOnCpu(() => compute(floats(shape, 1, true)), tolerance);
  });
});

describe("functions of int32", () => {
  it("stay int32", async () => {
    await expectAsOnCpu(() => [tf.abs(ints([9])), tf.neg(ints([9])), tf.square(ints([9])), tf.relu(ints([9]))]);
  });
});

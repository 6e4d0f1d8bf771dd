import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "vitest";
import { bools, expectAsOnCpu, floats, ints } from "../../test/against-cpu.js";

type Reduce = (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor;

const reductions: Record<string, [Reduce, number]> = {
  sum: [tf.sum, 1e-6],
  mean: [tf.mean, 1e-6],
  max: [tf.max, 0],
  min: [tf.min, 0],
  prod: [tf.prod, 1e-6],
};

/** Last, first and middle axes, several, apart from each other, all; and sizes of 1 between them. */
const cases: { shape: number[]; axis: number | number[] | undefined }[] = [
  { shape: [], axis: undefined },
  { shape: [37], axis: 0 },
  { shape: [4, 37], axis: -1 },
  { shape: [37, 4], axis: 0 },
  { shape: [3, 19, 70], axis: 1 },
  { shape: [2, 3, 4, 5], axis: [1, 2] },
  { shape: [2, 3, 4, 5], axis: [0, 2] },
  { shape: [2, 1, 4, 1], axis: [0, 3] },
  { shape: [1, 1], axis: 1 },
  { shape: [5, 1, 7], axis: 1 },
  { shape: [2, 3, 4], axis: undefined },
  { shape: [0, 4], axis: 1 },
  { shape: [700, 130], axis: 0 },
];

describe.each(Object.entries(reductions))("%s", (_, [reduce, tolerance]) => {
  it.each(cases)("of [$shape] over $axis", async ({ shape, axis }) => {
    await expectAsOnCpu(() => reduce(floats(shape), axis), tolerance);
    await expectAsOnCpu(() => reduce(floats(shape), axis, true), tolerance);
    await expectAsOnCpu(() => reduce(floats(shape, 1, true), axis), tolerance);
  });

  it("of int32 and bool is left to the JavaScript kernels", async () => {
    await expectAsOnCpu(() => [reduce(ints([3, 5]), 1), reduce(bools([3, 5]), 1)], tolerance);
  });
});

describe("sum", () => {
  it("of nothing is 0", async () => {
    await expectAsOnCpu(() => [tf.sum(floats([0])), tf.sum(floats([3, 0]), 1), tf.sum(floats([0, 3]), 0)]);
  });

  it("does not lose small numbers beside a large one", async () => {
    await expectAsOnCpu(() => tf.sum(tf.tensor1d([16777216, ...new Array(1000).fill(1)])));
  });
});

describe.each([
  ["argMax", tf.argMax],
  ["argMin", tf.argMin],
] as const)("%s", (_, compute) => {
  it.each(cases.filter(({ axis, shape }) => typeof axis === "number" && shape.length > 0))(
    "of [$shape] over $axis",
    async ({ shape, axis }) => {
      await expectAsOnCpu(() => compute(floats(shape), axis as number));
      await expectAsOnCpu(() => compute(ints(shape), axis as number));
    },
  );

  it("takes the first of equals and passes over NaN that is not first", async () => {
    const rows = [
      [1, 3, 3, NaN, -Infinity, 3],
      [NaN, 5, 9, 9, 9, 9],
      [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
      [0, -0, 0, 0, NaN, 0],
    ];
    await expectAsOnCpu(() => compute(tf.tensor2d(rows), 1));
    await expectAsOnCpu(() => compute(tf.transpose(tf.tensor2d(rows)), 0));
  });
});

describe("softmax", () => {
  it.each([[[1]], [[7]], [[3, 40]], [[2, 3, 17]], [[0, 4]], [[9, 512, 64]]])("of [%s]", async (shape) => {
    await expectAsOnCpu(() => tf.softmax(tf.mul(floats(shape), 30)), 1e-6);
    await expectAsOnCpu(() => tf.logSoftmax(floats(shape)), 2e-6);
  });

  it("of rows with infinities and NaN", async () => {
    const rows = [
      [-Infinity, 1, 2],
      [-Infinity, -Infinity, -Infinity],
      [Infinity, 1, 2],
      [NaN, 1, 2],
      [3e38, -3e38, 0],
    ];
    await expectAsOnCpu(() => tf.softmax(tf.tensor2d(rows)), 1e-6);
  });
});

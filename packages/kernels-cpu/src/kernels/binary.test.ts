import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { bools, expectAsOnCpu, floats, ints } from "../../test/against-cpu.js";
import { loadKernels } from "../load-kernels.js";

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const arithmetic: Record<string, Binary> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  maximum: tf.maximum,
  minimum: tf.minimum,
};
const comparisons: Record<string, Binary> = {
  equal: tf.equal,
  notEqual: tf.notEqual,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
};

/** Pairs that broadcast: scalars, rows, columns, both ways at once, nothing at all, ranks that differ. */
const pairs: [number[], number[]][] = [
  [[], []],
  [[5], []],
  [[], [33]],
  [
    [4, 33],
    [4, 33],
  ],
  [[4, 33], [33]],
  [
    [4, 33],
    [4, 1],
  ],
  [
    [1, 33],
    [4, 1],
  ],
  [
    [3, 1, 5, 1],
    [2, 1, 7],
  ],
  [
    [2, 3, 4, 5],
    [2, 1, 4, 1],
  ],
  [
    [0, 3],
    [1, 3],
  ],
  [
    [40, 1000],
    [40, 1],
  ],
];
const cases = pairs.map(([a, b]) => ({ a, b }));

describe.each(Object.entries({ ...arithmetic, ...comparisons }))("%s", (_, compute) => {
  it.each(cases)("of float32 [$a] and [$b]", async ({ a, b }) => {
    await expectAsOnCpu(() => compute(floats(a, 1, true), floats(b, 2)));
    await expectAsOnCpu(() => compute(floats(a, 1), floats(b, 2, true)));
  });

  it.each(cases)("of int32 [$a] and [$b]", async ({ a, b }) => {
    await expectAsOnCpu(() => compute(ints(a), ints(b, 1, 5, 4)));
  });
});

describe("arithmetic", () => {
  it("of large int32 wraps as JavaScript's does", async () => {
    const big = () => tf.tensor1d([2147483647, -2147483648, 123456789, -987654321], "int32");
    const all = [...Object.values(arithmetic).filter((op) => op !== tf.div), tf.squaredDifference];
    await expectAsOnCpu(() => all.flatMap((op) => [op(big(), big()), op(big(), tf.scalar(2147483645, "int32"))]));
  });

  it("of float32: squaredDifference, divNoNan, addN", async () => {
    await expectAsOnCpu(() => tf.squaredDifference(floats([3, 20]), floats([20], 2)), 3e-7);
    await expectAsOnCpu(() => tf.divNoNan(floats([3, 20]), tf.tensor1d([0, ...new Array(19).fill(3)])));
    await expectAsOnCpu(() => tf.addN([1, 2, 3, 4].map((seed) => floats([50], seed))), 3e-7);
    await expectAsOnCpu(() => tf.addN([floats([50])]));
  });

  it("of bool and of mixed types is left to the JavaScript kernels", async () => {
    await expectAsOnCpu(() => [
      tf.add(bools([9]), ints([9])),
      tf.mul(bools([9]), floats([9])),
      tf.equal(bools([9]), bools([9], 4)),
    ]);
  });

  it("gives the same bits for every number of threads", async () => {
    const kernels = loadKernels();
    if (!kernels.available) throw new Error(kernels.reason);
    await tf.setBackend("native");
    tf.tidy(() => {
      const [a, b] = [floats([300, 500]), floats([300, 1], 2)];
      const results = [1, 2, 3].map((threads) => {
        loadKernels({ threads });
        const sums = [tf.sum(tf.exp(tf.mul(a, b))), tf.mean(a, 0), tf.softmax(a)];
        return sums.map((sum) => sum.dataSync());
      });
      loadKernels({ threads: kernels.threads });
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    });
  });
});

describe("logic", () => {
  it.each(cases)("of bool [$a] and [$b]", async ({ a, b }) => {
    await expectAsOnCpu(() => [
      tf.logicalAnd(bools(a), bools(b, 4)),
      tf.logicalOr(bools(a), bools(b, 4)),
      tf.logicalXor(bools(a), bools(b, 4)),
      tf.logicalNot(bools(a)),
    ]);
  });
});

describe("where", () => {
  it("chooses elements of every type, with a condition that broadcasts", async () => {
    await expectAsOnCpu(() => [
      tf.where(bools([3, 40]), floats([3, 40], 1, true), floats([3, 40], 2)),
      tf.where(bools([40]), floats([3, 40]), tf.scalar(-Infinity)),
      tf.where(bools([3, 40]), ints([3, 40]), ints([3, 40], -9, 9, 5)),
      tf.where(bools([3, 40]), bools([3, 40], 5), bools([3, 40], 6)),
      tf.where(bools([0]), floats([0]), floats([0])),
    ]);
  });
});

describe("cast", () => {
  it("between all types", async () => {
    const wide = () => tf.tensor1d([1.9, -1.9, NaN, Infinity, -Infinity, 3e9, -5e9, 1e20, 0, -0]);
    await expectAsOnCpu(() =>
      [wide(), ints([40]), bools([40]), floats([0])].flatMap((x) =>
        (["float32", "int32", "bool"] as const).map((dtype) => tf.cast(x, dtype)),
      ),
    );
  });
});

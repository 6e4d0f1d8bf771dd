import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { bools, expectAsOnCpu, floats, ints } from "../../test/against-cpu.js";

/** The same for every type whose elements can be moved. */
async function expectForAllTypes(shape: readonly number[], move: (x: tf.Tensor) => tf.Tensor | tf.Tensor[]) {
  await expectAsOnCpu(() => [floats(shape, 1, true), ints(shape), bools(shape)].flatMap(move));
}

describe("transpose", () => {
  it.each([
    { shape: [], perm: [] },
    { shape: [5], perm: [0] },
    { shape: [33, 50], perm: [1, 0] },
    { shape: [2, 3, 4, 5], perm: [0, 2, 1, 3] },
    { shape: [2, 3, 4, 5], perm: [3, 1, 0, 2] },
    { shape: [1, 7, 1, 3], perm: [2, 3, 0, 1] },
    { shape: [3, 0, 2], perm: [2, 1, 0] },
    { shape: [2, 2, 2, 2, 2, 2], perm: [5, 3, 1, 0, 2, 4] },
    { shape: [300, 200], perm: [1, 0] },
  ])("[$shape] to $perm", async ({ shape, perm }) => {
    await expectForAllTypes(shape, (x) => tf.transpose(x, perm));
  });
});

describe("slice", () => {
  it.each([
    { shape: [9], begin: [2], size: [4] },
    { shape: [4, 6], begin: [1, 2], size: [3, 2] },
    { shape: [4, 6], begin: [1, 0], size: [2, 6] },
    { shape: [3, 4, 5], begin: [0, 1, 2], size: [3, 2, -1] },
    { shape: [4, 6], begin: [4, 0], size: [0, 6] },
    { shape: [2, 3, 4, 5], begin: [1, 1, 1, 1], size: [1, 2, 3, 4] },
  ])("of [$shape] from $begin of $size", async ({ shape, begin, size }) => {
    await expectForAllTypes(shape, (x) => tf.slice(x, begin, size));
  });

  it("outside the tensor is refused", async () => {
    await tf.setBackend("native");
    expect(() => tf.slice(tf.ones([3]), [2], [2])).toThrow();
  });
});

describe("concat, stack, split and unstack", () => {
  it.each([0, 1, 2, -1])("along %s", async (axis) => {
    await expectForAllTypes([2, 4, 6], (x) => tf.concat([x, x, tf.slice(x, 0, [2, 4, 6])], axis));
    await expectForAllTypes([2, 4, 6], (x) => tf.stack([x, x], axis));
    await expectForAllTypes([2, 4, 6], (x) => tf.split(x, 2, axis));
    await expectForAllTypes([2, 4, 6], (x) => tf.unstack(x, axis));
  });

  it("of sizes that differ, of nothing and of one", async () => {
    await expectForAllTypes([3, 5], (x) => tf.split(x, [1, 0, 4], 1));
    await expectForAllTypes([3, 5], (x) => tf.concat([x, tf.slice(x, [0, 0], [3, 0]), tf.slice(x, [0, 1], [3, 2])], 1));
    await expectForAllTypes([3, 5], (x) => [tf.concat([x], 0), tf.stack([x], 1)]);
    await expectForAllTypes([0, 5], (x) => [tf.concat([x, x], 0), tf.stack([x, x], 2)]);
  });
});

describe("pad, tile and broadcastTo", () => {
  it("put a tensor inside a constant", async () => {
    const around: [number, number][] = [
      [1, 0],
      [0, 2],
      [3, 1],
    ];
    await expectForAllTypes([2, 3, 4], (x) => tf.pad(x, around));
    await expectAsOnCpu(() => [
      tf.pad(floats([2, 3, 4]), around, -Infinity),
      tf.pad(
        floats([0, 3]),
        [
          [1, 1],
          [0, 0],
        ],
        2,
      ),
    ]);
  });

  it("repeat a tensor", async () => {
    await expectForAllTypes([2, 1, 3], (x) => [tf.tile(x, [1, 4, 1]), tf.tile(x, [2, 3, 2]), tf.tile(x, [0, 1, 1])]);
    await expectForAllTypes([1, 5], (x) => tf.broadcastTo(x, [40, 5]));
    await expectForAllTypes([2, 1, 2, 1, 2], (x) => tf.tile(x, [2, 3, 2, 3, 2]));
  });
});

describe("gather", () => {
  it.each([
    { shape: [9, 5], ids: [4], axis: 0, batchDims: 0 },
    { shape: [9, 5], ids: [2, 3], axis: 1, batchDims: 0 },
    { shape: [3, 5, 7], ids: [6], axis: -1, batchDims: 0 },
    { shape: [3, 4, 5], ids: [3, 2], axis: 1, batchDims: 1 },
    { shape: [3, 4, 6, 2], ids: [3, 4, 2], axis: 2, batchDims: 2 },
    { shape: [3, 4, 6, 2], ids: [3, 2], axis: 2, batchDims: 1 },
    { shape: [9, 0], ids: [4], axis: 0, batchDims: 0 },
    { shape: [9, 5], ids: [0], axis: 0, batchDims: 0 },
  ])("of [$shape] by [$ids] along $axis, $batchDims batch dimensions", async ({ shape, ids, axis, batchDims }) => {
    await expectForAllTypes(shape, (x) =>
      tf.gather(x, ints(ids, 0, Math.min(...shape.filter((n) => n > 0))) as tf.Tensor1D, axis, batchDims),
    );
  });

  it("refuses ids outside the axis and keeps no memory", async () => {
    await tf.setBackend("native");
    const buffers = tf.backend().numDataIds();
    tf.tidy(() => {
      const x = tf.ones([3, 2]);
      expect(() => tf.gather(x, tf.tensor1d([0, 3], "int32"))).toThrow("the index value 3 is not in [0, 2]");
      expect(() => tf.gather(x, tf.tensor1d([-1], "int32"))).toThrow("the index value -1 is not in [0, 2]");
    });
    expect(tf.backend().numDataIds()).toBe(buffers);
  });

  it("has its gradient", async () => {
    await expectAsOnCpu(() => {
      const ids = ints([20], 0, 7) as tf.Tensor1D;
      return tf.grad((x) => tf.sum(tf.square(tf.gather(x, ids))))(floats([7, 5]));
    }, 1e-5);
  });

  it("sums segments, with ids that none has", async () => {
    const ids = () => tf.tensor1d([0, 2, -1, 2, 9, 0], "int32");
    await expectAsOnCpu(() => tf.unsortedSegmentSum(floats([6, 3, 2]), ids(), 4), 1e-6);
    await expectAsOnCpu(() => tf.unsortedSegmentSum(floats([6]), ids(), 3), 1e-6);
  });
});

describe("constants", () => {
  it("of every type", async () => {
    await expectForAllTypes([3, 4], (x) => [tf.zerosLike(x), tf.onesLike(x)]);
    await expectAsOnCpu(() => [tf.fill([2, 3], 7), tf.fill([2], 3, "int32"), tf.fill([], -Infinity), tf.fill([0], 1)]);
  });
});

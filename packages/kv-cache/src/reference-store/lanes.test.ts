import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { concatRows, packLanes, padLanes, takeRows } from "./lanes.js";

await chooseBackend({ prefer: "cpu" });

const numbers = (x: tf.Tensor) => [...x.dataSync()];

describe("packLanes", () => {
  it("puts the real tokens of each lane behind one another", () => {
    tf.tidy(() => {
      // 2 rows, 2 heads, 3 tokens; row 0 has 3 real tokens, row 1 has 1
      const x = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 0, 0, 8, 0, 0], [2, 2, 3]);
      expect(numbers(packLanes(x, [3, 1]))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    });
  });

  it("keeps further axes", () => {
    tf.tidy(() => {
      const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2]);
      const packed = packLanes(x, [1]);
      expect(packed.shape).toEqual([2, 2]);
      expect(numbers(packed)).toEqual([1, 2, 5, 6]);
    });
  });
});

describe("padLanes", () => {
  it("is the way back, with zeros behind shorter lanes", () => {
    tf.tidy(() => {
      const padded = padLanes(tf.tensor1d([1, 2, 3, 4, 5, 6]), [3, 1, 0, 2], 2);
      expect(padded.shape).toEqual([2, 2, 3]);
      expect(numbers(padded)).toEqual([1, 2, 3, 4, 0, 0, 0, 0, 0, 5, 6, 0]);
    });
  });

  it("keeps the type of integer columns", () => {
    tf.tidy(() => {
      expect(padLanes(tf.tensor1d([7], "int32"), [1, 0], 2).dtype).toBe("int32");
    });
  });

  it("takes a cache without entries", () => {
    tf.tidy(() => {
      expect(padLanes(tf.zeros([0, 4]), [0, 0], 2).shape).toEqual([1, 2, 0, 4]);
    });
  });
});

describe("takeRows", () => {
  const x = () => tf.reshape(tf.range(0, 400, 1, "float32"), [200, 2]);
  it.each([
    ["runs", [0, 1, 2, 50, 51, 199]],
    ["nothing", []],
    ["many short runs", Array.from({ length: 100 }, (_, i) => 2 * i)],
    ["an order of its own", [5, 3, 4, 0]],
  ])("picks %s", (_, indices) => {
    tf.tidy(() => {
      const picked = takeRows(x(), Int32Array.from(indices));
      expect(picked.shape).toEqual([indices.length, 2]);
      expect(numbers(picked)).toEqual(indices.flatMap((i) => [2 * i, 2 * i + 1]));
    });
  });
});

describe("concatRows", () => {
  it("leaves empty pieces out, and gives an empty tensor of the right width for no piece", () => {
    tf.tidy(() => {
      const one = tf.ones([1, 3]);
      expect(concatRows([tf.zeros([0, 3]), one, tf.zeros([0, 3])], one).shape).toEqual([1, 3]);
      expect(concatRows([], one).shape).toEqual([0, 3]);
    });
  });
});

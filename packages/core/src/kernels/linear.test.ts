import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { storageTypes } from "../storage/storage-types.js";
import { expectClose } from "../testing/expect-close.js";
import { seeded } from "../testing/seeded.js";
import { linear } from "./linear.js";
import { packedWeight } from "./packed-weight.js";

const f32 = storageTypes.f32;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** The same matrix packed `[out, in]` and dense `[in, out]`. */
function both(seed: number, outputs: number, inputs: number) {
  const values = seeded(seed).normals(outputs * inputs, inputs ** -0.5);
  const packed = packedWeight(f32, [outputs, inputs], f32.pack(values));
  return { packed, dense: tf.transpose(tf.tensor2d(values, [outputs, inputs])) };
}

describe("linear", () => {
  it("gives the same for a weight in either storage", () => {
    tf.tidy(() => {
      const { packed, dense } = both(1, 5, 8);
      const x = seeded(2).normal([3, 8]);
      const bias = seeded(3).normal<[number], tf.Rank.R1>([5]);
      expectClose(linear(x, packed, bias).dataSync(), linear(x, dense, bias).dataSync());
      expect(linear(x, dense).shape).toEqual([3, 5]);
      const residual = seeded(4).normal([3, 5]);
      const onto = tf.add(linear(x, dense, bias), residual).dataSync();
      expectClose(linear(x, packed, bias, residual).dataSync(), onto);
      expectClose(linear(x, dense, bias, residual).dataSync(), onto);
    });
  });
});

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { storageTypes } from "../storage/storage-types.js";
import { expectClose } from "../testing/expect-close.js";
import { seeded } from "../testing/seeded.js";
import { normLinears } from "./norm-linears.js";
import { packedWeight } from "./packed-weight.js";

const f32 = storageTypes.f32;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

describe("normLinears", () => {
  it("gives the same for packed, dense and mixed weights, and for any number of layers", () => {
    tf.tidy(() => {
      const x = seeded(1).normal([2, 8]);
      const norm = { weight: seeded(2).normal<[number], tf.Rank.R1>([8]), epsilon: 1e-5, weightOffset: 0 as const };
      const layers = [5, 3, 4, 2].map((outputs, i) => {
        const values = seeded(3 + i).normals(outputs * 8);
        const bias = i === 1 ? seeded(9).normal<[number], tf.Rank.R1>([outputs]) : undefined;
        const packed = packedWeight(f32, [outputs, 8], f32.pack(values));
        return { packed, dense: tf.transpose(tf.tensor2d(values, [outputs, 8])), bias };
      });
      const dense = normLinears(
        x,
        norm,
        layers.map(({ dense, bias }) => ({ weight: dense, bias })),
      );
      const packed = layers.map(({ packed, bias }) => ({ weight: packed, bias }));
      expect(dense.map(({ shape }) => shape)).toEqual([
        [2, 5],
        [2, 3],
        [2, 4],
        [2, 2],
      ]);
      const mixed = layers.map(({ packed, dense, bias }, i) => ({ weight: i === 0 ? packed : dense, bias }));
      for (const same of [
        normLinears(x, norm, packed),
        normLinears(x, norm, mixed),
        normLinears(x, norm, packed.slice(0, 3)),
      ]) {
        same.forEach((y, i) => {
          expectClose(y.dataSync(), dense[i]?.dataSync() ?? []);
        });
      }
    });
  });
});

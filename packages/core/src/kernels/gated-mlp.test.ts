import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, it } from "vitest";
import { storageTypes } from "../storage/storage-types.js";
import { expectClose } from "../testing/expect-close.js";
import { seeded } from "../testing/seeded.js";
import { gatedMlp, mlpBlock } from "./gated-mlp.js";
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

describe("gatedMlp", () => {
  it("gives the same for all storages and any mixture of them", () => {
    tf.tidy(() => {
      const [gate, up, down] = [both(1, 12, 8), both(2, 12, 8), both(3, 8, 12)];
      const x = seeded(4).normal([2, 8]);
      const gateBias = seeded(5).normal<[number], tf.Rank.R1>([12]);
      const dense = gatedMlp(x, { gate: gate.dense, up: up.dense, down: down.dense, gateBias }, "silu");
      const packed = gatedMlp(x, { gate: gate.packed, up: up.packed, down: down.packed, gateBias }, "silu");
      const mixed = gatedMlp(x, { gate: gate.packed, up: up.dense, down: down.packed, gateBias }, "silu");
      expectClose(packed.dataSync(), dense.dataSync());
      expectClose(mixed.dataSync(), dense.dataSync());
      const norm = { weight: seeded(6).normal<[number], tf.Rank.R1>([8]), epsilon: 1e-5, weightOffset: 1 as const };
      const block = mlpBlock(x, norm, { gate: gate.dense, up: up.dense, down: down.dense, gateBias }, "silu");
      const packedBlock = mlpBlock(x, norm, { gate: gate.packed, up: up.packed, down: down.packed, gateBias }, "silu");
      expectClose(packedBlock.dataSync(), block.dataSync());
    });
  });
});

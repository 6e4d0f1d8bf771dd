import type * as tf from "@tensorflow/tfjs-core";
import { type StorageTypeName, storageTypes } from "../storage/storage-types.js";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { packedLinear } from "./packed-linear.js";
import { packedWeight } from "./packed-weight.js";

/** A random weight `[out, in]` with rows of length about 1, in a storage type. */
export function randomPacked(seed: number, storage: StorageTypeName, outputs: number, inputs: number) {
  const format = storageTypes[storage];
  const values = seeded(seed).normals(outputs * inputs, inputs ** -0.5);
  return packedWeight(format, [outputs, inputs], format.pack(values));
}

function packedCase(title: string, storage: StorageTypeName, rows: number[], size: [number, number], withBias = false) {
  const [inputs, outputs] = size;
  return {
    title: `${storage}: ${title}`,
    attrs: { weight: randomPacked(99, storage, outputs, inputs) },
    inputs: () => {
      const numbers = seeded(inputs * outputs);
      return {
        x: numbers.normal([...rows, inputs]),
        bias: withBias ? numbers.normal<[number], tf.Rank.R1>([outputs]) : undefined,
      };
    },
  };
}

/** With a bias, on top of a residual stream. */
function onto(title: string, storage: StorageTypeName, rows: number[], size: [number, number]) {
  const base = packedCase(`${title}, residual`, storage, rows, size, true);
  return { ...base, inputs: () => ({ ...base.inputs(), residual: seeded(17).normal([...rows, size[1]]) }) };
}

/** Conformance cases of {@link packedLinear}. */
export const packedLinearCases = kernelSuite(packedLinear, [
  packedCase("one row", "f32", [1], [24, 9]),
  packedCase("odd sizes, bias", "bf16", [2, 3], [35, 23], true),
  packedCase("odd sizes", "f16", [4], [21, 34]),
  packedCase("one row", "q8_0", [1], [64, 19], true),
  packedCase("many rows", "q4_0", [33], [32, 33]),
  packedCase("one row", "q4_1", [1], [96, 5]),
  packedCase("rank 1", "q5_0", [], [32, 8]),
  packedCase("bias", "q5_1", [3], [64, 16], true),
  onto("one row", "q8_0", [1], [64, 19]),
  onto("many rows, odd sizes", "bf16", [3, 3], [35, 23]),
]);

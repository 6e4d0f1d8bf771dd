import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import "../src/index.js";
import { loadKernels } from "../src/load-kernels.js";

/** Test helper: numbers that functions treat in their own way. */
export const specialNumbers = [0, -0, 1, -1, 0.5, 2.5, -2.5, 1e-40, 88, -104, 3e38, Infinity, -Infinity, NaN];

/** Test helper: a float32 tensor of random numbers, with the special ones first when there is room for them. */
export function floats(shape: readonly number[], seed = 1, special = false): tf.Tensor {
  const values = seeded(seed).normals(tf.util.sizeFromShape([...shape]));
  if (special) values.set(specialNumbers.slice(0, values.length));
  return tf.tensor(values, [...shape]);
}

/** Test helper: an int32 tensor of numbers in `[low, high)`. */
export function ints(shape: readonly number[], low = -9, high = 9, seed = 2): tf.Tensor {
  return tf.tensor(seeded(seed).integers(tf.util.sizeFromShape([...shape]), low, high), [...shape], "int32");
}

/** Test helper: a bool tensor. */
export function bools(shape: readonly number[], seed = 3): tf.Tensor {
  return tf.tensor(seeded(seed).integers(tf.util.sizeFromShape([...shape]), 0, 2), [...shape], "bool");
}

/**
 * Test helper: runs `compute` on the JavaScript CPU backend and on `native` with every instruction set, and compares
 * shapes, types and values: within `tolerance`, absolute plus relative; 0 asks for the same numbers.
 */
export async function expectAsOnCpu(compute: () => tf.Tensor | tf.Tensor[], tolerance = 0): Promise<void> {
  const kernels = loadKernels();
  if (!kernels.available) throw new Error(kernels.reason);
  const wanted = await runOn("cpu", compute);
  try {
    for (const instructionSet of kernels.supported) {
      loadKernels({ instructionSet });
      const found = await runOn("native", compute);
      expect(found.map(formOf), instructionSet).toEqual(wanted.map(formOf));
      found.forEach((result, i) => {
        const far = [...(wanted[i] as Content).values].flatMap((want, at) => {
          const got = result.values[at] as number;
          return same(got, want, tolerance) ? [] : [{ at, got, want }];
        });
        expect(far.slice(0, 3), instructionSet).toEqual([]);
      });
    }
  } finally {
    loadKernels({ instructionSet: kernels.instructionSet });
  }
}

interface Content {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly values: Float32Array | Int32Array | Uint8Array;
}

function formOf({ dtype, shape }: Content): string {
  return `${dtype} [${shape}]`;
}

async function runOn(backend: string, compute: () => tf.Tensor | tf.Tensor[]): Promise<Content[]> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const contents = tf.tidy(() =>
    [compute()].flat().map((x) => ({ shape: x.shape, dtype: x.dtype, values: x.dataSync() as Content["values"] })),
  );
  expect(tf.memory().numTensors).toBe(before);
  return contents;
}

function same(got: number, want: number, tolerance: number): boolean {
  if (Number.isNaN(want) || !Number.isFinite(want)) return Object.is(got, want);
  return Math.abs(got - want) <= tolerance + tolerance * Math.abs(want);
}

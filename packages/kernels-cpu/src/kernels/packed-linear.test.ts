import { join } from "node:path";
import { type ActivationPrecision, openSafetensors, type StorageTypeName, storageTypes } from "@kvfold/core";
import { goldensPath, seeded } from "@kvfold/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { loadKernels } from "../load-kernels.js";
import { weightFormatIndex, weightFormats } from "../weight-format.js";

const kernels = loadKernels();
if (!kernels.available) throw new Error(kernels.reason);
const { addon, supported, threads, instructionSet } = kernels;
afterAll(() => {
  loadKernels({ threads, instructionSet, activations: "float32" });
});

/** A weight: its bytes and what they stand for, `[outputs, inputs]`. */
interface Weight {
  readonly bytes: Uint8Array;
  readonly values: Float32Array;
  readonly outputs: number;
  readonly inputs: number;
}

/** Random blocks with their values, as the reference decoder of llama.cpp's tools gives them. */
function goldenWeight(format: string): Weight {
  const folder = goldensPath("gguf");
  if (folder === undefined) throw new Error("the committed goldens are missing");
  const file = openSafetensors(join(folder, "blocks.safetensors"));
  const name = format.toUpperCase();
  const [outputs = 0, inputs = 0] = file.entry(`${name}.values`).shape;
  return { bytes: file.readBytes(`${name}.bytes`), values: file.readFloat32(`${name}.values`), outputs, inputs };
}

/** Normal numbers in a format that this package's core writes. */
function randomWeight(format: StorageTypeName, outputs: number, inputs: number): Weight {
  const storage = storageTypes[format];
  const bytes = storage.pack(seeded(outputs + inputs).normals(outputs * inputs, inputs ** -0.5));
  return { bytes, values: storage.unpack(bytes), outputs, inputs };
}

function product(format: string, weight: Weight, x: Float32Array, bias?: Float32Array): Float32Array {
  const rows = x.length / weight.inputs;
  const y = new Float32Array(rows * weight.outputs).fill(Number.NaN);
  const index = weightFormatIndex(format) as number;
  addon.packedLinear(index, weight.bytes, bias, weight.outputs, weight.inputs, x, rows, y);
  return y;
}

/** Largest error against sums in double precision, in units of the root of the sum of the squared products. */
function worstError(
  { values, outputs, inputs }: Weight,
  x: Float32Array,
  y: Float32Array,
  bias?: Float32Array,
): number {
  let worst = 0;
  for (let i = 0; i < y.length; i++) {
    const [row, output] = [Math.floor(i / outputs), i % outputs];
    let sum = bias?.[output] ?? 0;
    let squares = 1e-30 + sum * sum;
    for (let k = 0; k < inputs; k++) {
      const term = (values[output * inputs + k] as number) * (x[row * inputs + k] as number);
      sum += term;
      squares += term * term;
    }
    const error = Math.abs((y[i] as number) - sum) / Math.sqrt(squares);
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  return worst;
}

/** Rounding of float32 sums, of 1/65,000 and of 1/254 of the largest of 32 activations (on tiles 17 and 8 bits). */
const limits: Record<ActivationPrecision, number> = { float32: 3e-6, int16: 1.5e-4, int8: 4e-2 };
const precisions = Object.keys(limits) as ActivationPrecision[];

/** One row, those that share a pass, and numbers that go to the products by tiles, with remainders. */
const rowCounts = [1, 2, 3, 4, 7, 8, 9, 17, 33, 70];

describe.each(weightFormats)("products with %s weights", (format) => {
  const blocks = format in storageTypes ? storageTypes[format as StorageTypeName].blockValues : 256;
  const weights = blocks === 1 ? [] : [goldenWeight(format)];
  if (format in storageTypes) {
    const sizes = blocks === 1 ? [1, 7, 33, 64, 577] : [32, 96, 576];
    for (const inputs of sizes) weights.push(randomWeight(format as StorageTypeName, 37, inputs));
  }

  it.each(supported)("%s: equal plain sums for every number of rows and every precision", (set) => {
    for (const weight of weights) {
      const bias = seeded(7).normals(weight.outputs);
      for (const activations of precisions) {
        loadKernels({ instructionSet: set, activations });
        for (const rows of rowCounts) {
          const x = seeded(rows).normals(rows * weight.inputs);
          const error = worstError(weight, x, product(format, weight, x, bias), bias);
          expect(error, `${weight.inputs} inputs, ${rows} rows, ${activations}`).toBeLessThan(limits[activations]);
        }
      }
    }
  });

  it.each(supported)("%s: decode blocks as the reference decoder does", (set) => {
    loadKernels({ instructionSet: set });
    addon.setActivationDigits(0);
    for (const weight of weights) {
      for (const rows of [1, weight.inputs]) {
        const x = new Float32Array(rows * weight.inputs);
        for (let r = 0; r < rows; r++) x[r * weight.inputs + r] = 1;
        const y = product(format, weight, x);
        const wrong = [...y].filter((value, i) => {
          const want = weight.values[(i % weight.outputs) * weight.inputs + Math.floor(i / weight.outputs)] as number;
          return Math.abs(value - want) > 1e-6 * Math.abs(want) + 1e-7;
        });
        expect(wrong.slice(0, 3), `${weight.inputs} inputs, ${rows} rows`).toEqual([]);
      }
    }
  });

  it.each(supported)("%s: give the same bits for every number of threads", (set) => {
    const weight = weights.at(-1) as Weight;
    for (const activations of precisions) {
      for (const rows of [1, 5, 40]) {
        const x = seeded(rows).normals(rows * weight.inputs);
        const results = [1, 2, 5].map((count) => {
          loadKernels({ threads: count, instructionSet: set, activations });
          return product(format, weight, x);
        });
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }
    }
  });
});

describe("products with packed weights", () => {
  it("carry NaN and infinity of the activations to the results", () => {
    const weight = randomWeight("q8_0", 5, 64);
    for (const activations of precisions) {
      loadKernels({ threads, instructionSet, activations });
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const rows of [1, 40]) {
          const x = new Float32Array(rows * 64).fill(1);
          x[3] = bad;
          const y = product("q8_0", weight, x);
          expect([...y.subarray(0, 5)].filter(Number.isFinite)).toEqual([]);
          expect([...y.subarray(5)].filter((value) => !Number.isFinite(value))).toEqual([]);
        }
      }
    }
  });

  it("refuse sizes that do not fit the memory", () => {
    const bytes = new Uint8Array(34);
    const [x, y] = [new Float32Array(32), new Float32Array(1)];
    const q8 = weightFormatIndex("q8_0") as number;
    expect(() => addon.packedLinear(q8, bytes, undefined, 2, 32, x, 1, y)).toThrow("weights do not fit");
    expect(() => addon.packedLinear(q8, bytes, undefined, 1, 33, x, 1, y)).toThrow("whole blocks");
    expect(() => addon.packedLinear(q8, bytes, undefined, 1, 32, x, 2, y)).toThrow("x or y does not fit");
    expect(() => addon.packedLinear(99, bytes, undefined, 1, 32, x, 1, y)).toThrow("no such weight format");
    expect(() => addon.packedLinear(q8, bytes, undefined, 2 ** 50, 2 ** 50, x, 1, y)).toThrow(RangeError);
  });
});

import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { backendTable } from "./backend-table.js";
import { type BackendChoice, chooseBackend } from "./choose-backend.js";
import { listBackends } from "./list-backends.js";

describe("the tensorflow backend on a real libtensorflow", () => {
  let choice: BackendChoice;
  beforeAll(async () => {
    choice = await chooseBackend({ prefer: "tensorflow" });
  });

  it("says which package and which libtensorflow it runs on", () => {
    expect(choice.name).toBe("tensorflow");
    expect(choice.package).toBe("@tensorflow/tfjs-node");
    expect(choice.version).toBe("4.22.0");
    expect(choice.detail).toMatch(/^libtensorflow \d+\.\d+\.\d+, CPU$/);
    expect(tf.getBackend()).toBe("tensorflow");
  });

  it("is what auto chooses over wasm and cpu", async () => {
    const table = backendTable.filter(({ name }) => name !== "cuda" && name !== "native");
    expect(await chooseBackend({ table })).toMatchObject({ name: "tensorflow", reasons: [] });
  });

  it("agrees with the cpu backend on a product, a softmax and their gradients", async () => {
    const x = Array.from({ length: 64 * 48 }, (_, i) => Math.sin(i));
    const w = Array.from({ length: 48 * 32 }, (_, i) => Math.cos(3 * i));
    const loss = (a: tf.Tensor, b: tf.Tensor) =>
      tf.sum(tf.square(tf.softmax(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D)))) as tf.Scalar;
    const run = async (backend: string) => {
      await chooseBackend({ prefer: backend });
      const results = tf.tidy(() => {
        const { value, grads } = tf.valueAndGrads(loss)([tf.tensor2d(x, [64, 48]), tf.tensor2d(w, [48, 32])]);
        return [value, ...grads] as tf.Tensor[];
      });
      const data = await Promise.all(results.map((result) => result.data()));
      tf.dispose(results);
      return data.map((values) => Array.from(values));
    };
    const expected = await run("cpu");
    const actual = await run("tensorflow");
    actual.forEach((values, i) => {
      const differences = values.map((value, j) => Math.abs(value - (expected[i]?.[j] ?? Number.NaN)));
      expect(Math.max(...differences)).toBeLessThan(1e-5);
    });
  });

  it("leaves no tensor behind", async () => {
    await chooseBackend({ prefer: "tensorflow" });
    const before = tf.memory().numTensors;
    for (let i = 0; i < 100; i++) tf.tidy(() => void tf.matMul(tf.ones([32, 32]), tf.ones([32, 32])));
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is listed with its version", async () => {
    const status = (await listBackends()).find(({ name }) => name === "tensorflow");
    expect(status).toMatchObject({ available: true, version: "4.22.0" });
  });
});

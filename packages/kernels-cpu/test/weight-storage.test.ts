// Models whose weights stay packed: what is held, and that it computes the same.
import { join } from "node:path";
import { isPackedWeight, type LinearWeight } from "@kvfold/core";
import { repositoryRoot } from "@kvfold/core/testing";
import { type LanguageModel, loadLocalModel, type WeightStorage } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

const folder = join(repositoryRoot(), "packages/demo-model/plain");

beforeAll(async () => {
  await tf.setBackend("native");
});

function storageOf(weight: LinearWeight | undefined): string {
  return weight === undefined ? "none" : isPackedWeight(weight) ? weight.storage : "dense";
}

async function scores(model: LanguageModel): Promise<Float32Array> {
  const ids = model.tokenizer.encode("It was a dark evening, and the rain fell in torrents over the town.");
  return model.logLikelihood(ids);
}

const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;

describe("loadModel on native", () => {
  it("holds matrices as the file stores them, in the file's own memory", async () => {
    using model = await loadLocalModel(folder);
    const { layers, head } = model.decoder.weights;
    const matrices = [head, ...layers.flatMap(({ q, o, mlp }) => [q.weight, o.weight, mlp.gate, mlp.down])];
    expect(new Set(matrices.map(storageOf))).toEqual(new Set(["bf16"]));
    const buffers = matrices.filter(isPackedWeight).map(({ bytes }) => bytes.buffer);
    expect(new Set(buffers).size).toBe(1);
  });

  it("gives the same with dense and packed weights, and nearly the same with rounded ones", async () => {
    using stored = await loadLocalModel(folder);
    const wanted = await scores(stored);
    const off: Partial<Record<WeightStorage, number>> = {
      dense: 1e-4,
      f32: 1e-4,
      bf16: 1e-4,
      f16: 1e-3,
      q8_0: 0.02,
      q4_1: 0.3,
    };
    for (const [weights, limit] of Object.entries(off) as [WeightStorage, number][]) {
      using model = await loadLocalModel(folder, { weights });
      expect(storageOf(model.decoder.weights.head)).toBe(weights);
      const found = await scores(model);
      expect(Math.abs(mean(found) - mean(wanted)), weights).toBeLessThan(limit);
    }
  });

  it("frees the weights and the file with the model", async () => {
    const before = tf.memory().numTensors;
    const model = await loadLocalModel(folder);
    const weight = model.decoder.weights.layers[0]?.q.weight as LinearWeight;
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => isPackedWeight(weight) && weight.bytes).toThrow(/was disposed/);
  });
});

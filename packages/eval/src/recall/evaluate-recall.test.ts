import { chooseBackend } from "@kvfold/core";
import { modelPath } from "@kvfold/demo-model";
import { full, h2o, window } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateRecall } from "./evaluate-recall.js";
import { recallTask } from "./recall-task.js";

let model: LanguageModel;
beforeAll(async () => {
  await chooseBackend();
  model = await loadLocalModel(modelPath);
});
afterAll(() => model.dispose());

describe("evaluateRecall", { timeout: 60_000 }, () => {
  it("counts the answers that greedy generation gives, task by task", async () => {
    const tasks = Array.from({ length: 12 }, (_, seed) => recallTask({ seed, facts: 2, distance: 10 }));
    let right = 0;
    for (const { prompt, answer } of tasks) {
      const generation = model.generate(prompt, { maxTokens: answer.length, ignoreEos: true });
      const text = (await generation.result()).rows[0]?.text;
      if (text?.startsWith(answer)) right++;
    }
    const [result] = await evaluateRecall({ model, policies: [full()], facts: [2], distances: [10], samples: 12 });
    expect(right).toBeGreaterThan(0);
    expect(result?.recall).toBe(right / 12);
    expect(result?.cells).toEqual([{ facts: 2, distance: 10, accuracy: right / 12, samples: 12 }]);
    expect(result?.compressionRatio).toBe(1);
  });

  it("shows that what a window has dropped cannot be recalled", async () => {
    const before = tf.memory().numTensors;
    const policies = [full(), window({ sinks: 1, recent: 12 }), h2o({ budget: 400 })];
    const [all, narrow, wide] = await evaluateRecall({ model, policies, facts: [1], distances: [32], samples: 16 });
    expect(all?.recall).toBeGreaterThan(0.2); // chance is below 0.07
    expect(narrow?.recall).toBeLessThan((all?.recall as number) / 2);
    expect(wide?.recall).toBe(all?.recall);
    expect(narrow?.compressionRatio).toBeGreaterThan(3);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses to evaluate nothing", async () => {
    const policies = [full()];
    await expect(evaluateRecall({ model, policies: [] })).rejects.toThrow("at least one policy");
    await expect(evaluateRecall({ model, policies, samples: 0 })).rejects.toThrow("one sample");
    await expect(evaluateRecall({ model, policies, facts: [0] })).rejects.toThrow("facts must be a whole number");
  });
});

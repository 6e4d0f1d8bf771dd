import { chooseBackend } from "@kvfold/core";
import { plainPath } from "@kvfold/demo-model";
import { full, h2o, window } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateRecall } from "./evaluate-recall.js";
import type { RecallKind } from "./recall-facts.js";
import { recallTask } from "./recall-task.js";

let model: LanguageModel;
beforeAll(async () => {
  await chooseBackend();
  model = await loadLocalModel(plainPath);
});
afterAll(() => model.dispose());

/** What the answer's tokens spell up to the first that is more than a blank: `" 4"` of `" 4821"`. */
function firstToken(answer: string): string {
  const tokens = model.tokenizer.encode(answer, { addSpecialTokens: false });
  const count = tokens.findIndex((id) => model.tokenizer.decode([id]).trim() !== "") + 1;
  return model.tokenizer.decode(tokens.subarray(0, count));
}

describe("evaluateRecall", { timeout: 60_000 }, () => {
  it("counts the answers that greedy generation gives, task by task", async () => {
    const tasks = Array.from({ length: 12 }, (_, seed) => recallTask({ seed, facts: 2, distance: 10 }));
    const policy = window({ sinks: 1, recent: 32 }); // sees some of the facts
    const [right, first]: [RecallKind[], RecallKind[]] = [[], []];
    for (const { prompt, answer, kind } of tasks) {
      const generation = model.generate(prompt, { policy, maxTokens: answer.length, ignoreEos: true });
      const row = (await generation.result()).rows[0];
      if (row?.text.startsWith(answer)) right.push(kind);
      if (row?.text.startsWith(firstToken(answer))) first.push(kind);
    }
    const policies = [policy];
    const [result] = await evaluateRecall({ model, policies, facts: [2], distances: [10], samples: 12 });
    expect(right.length).toBeGreaterThan(0);
    expect(right.length).toBeLessThan(12);
    expect(first.length).toBeGreaterThanOrEqual(right.length);
    const scores = { accuracy: right.length / 12, firstToken: first.length / 12, samples: 12 };
    expect(result).toMatchObject({ recall: right.length / 12, firstToken: first.length / 12 });
    expect(result?.cells).toEqual([{ facts: 2, distance: 10, ...scores }]);
    for (const { kind, accuracy, firstToken: begun, samples } of result?.kinds ?? []) {
      expect(samples).toBe(tasks.filter((task) => task.kind === kind).length);
      expect(accuracy * samples).toBeCloseTo(right.filter((other) => other === kind).length);
      expect(begun * samples).toBeCloseTo(first.filter((other) => other === kind).length);
    }
    expect(result?.kinds.map(({ kind }) => kind)).toEqual(["friend", "place", "number"]);
    expect(result?.compressionRatio).toBeGreaterThan(1);
  });

  it("shows that what a window has dropped cannot be recalled", async () => {
    const before = tf.memory().numTensors;
    const policies = [full(), window({ sinks: 1, recent: 12 }), h2o({ budget: 400 })];
    const [all, narrow, wide] = await evaluateRecall({
      model,
      policies,
      facts: [1],
      distances: [32],
      samples: 16,
    });
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

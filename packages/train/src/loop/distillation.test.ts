import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, openSafetensors } from "@kvfold/core";
import { pagePath, plainPath } from "@kvfold/demo-model";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRecipe } from "../recipe/parse-recipe.js";
import type { Recipe } from "../recipe/recipe.js";
import type { StepEvent, TrainingEvent } from "../report/training-event.js";
import { listCheckpoints, weightsFile } from "./checkpoint.js";
import { train } from "./train.js";

const fields = {
  model_type: "llama",
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 4096,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

let folder: string;
beforeAll(async () => {
  await chooseBackend();
  folder = mkdtempSync(join(tmpdir(), "kvfold-distillation-"));
  await train(recipeOf({ kind: "pretrain", steps: 2, model: { config: fields, tokenizer: plainPath }, output: "new" }));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recipeOf(keys: object): Recipe {
  const common = {
    data: { files: pagePath, heldOut: 100 },
    batch: { rows: 2, length: 24, accumulate: 2 },
    evaluate: { tokens: 50, everySteps: 100 },
    model: { from: "new/model" },
  };
  return parseRecipe(JSON.stringify({ ...common, ...keys }), { path: join(folder, "recipe.yaml") });
}

const retrofit = (output: string) =>
  recipeOf({
    kind: "retrofit",
    cr: 3,
    steps: 6,
    output,
    checkpoint: { everySteps: 1 },
    method: { kind: "dms", delay: 2, stages: { blank: 2, ramp: 2, solidify: 2 } },
  });

async function stepsOf(recipe: Recipe, dryRun = false): Promise<StepEvent[]> {
  const events: TrainingEvent[] = [];
  await train(recipe, { dryRun, observers: [{ observe: (event) => void events.push(event) }] });
  return events.filter((event): event is StepEvent => event.type === "step");
}

function weightsOf(output: string): Map<string, Float32Array> {
  using file = openSafetensors(
    join(listCheckpoints(join(folder, output, "checkpoints")).at(-1) as string, weightsFile),
  );
  return new Map([...file.tensors.keys()].map((name) => [name, file.readFloat32(name)]));
}

describe("distillation", { timeout: 60_000 }, () => {
  it("learns from the starting model alone, which keeps all of its channels", async () => {
    const before = tf.memory().numTensors;
    const steps = await stepsOf(retrofit("whole"));
    const [first, second] = steps as [StepEvent, StepEvent];
    expect(Math.abs(first.distillationLoss as number)).toBeLessThan(1e-6); // nothing of the channel is gone yet
    expect(second.distillationLoss).toBeGreaterThan(1e-6);
    for (const { loss, distillationLoss = Number.NaN, compressionLoss = 0, crossEntropy } of steps) {
      expect(loss).toBeCloseTo(distillationLoss + compressionLoss, 5);
      expect(crossEntropy).toBeGreaterThan(5);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it("goes on after a stop with the same teacher, to the bit", async () => {
    const abort = new AbortController();
    const stop = { observe: (event: TrainingEvent) => event.type === "step" && event.step === 3 && abort.abort() };
    await train(retrofit("halves"), { observers: [stop as never], signal: abort.signal });
    expect((await stepsOf(retrofit("halves"))).map(({ step }) => step)).toEqual([4, 5, 6]);
    expect(weightsOf("halves")).toEqual(weightsOf("whole"));
  });

  it("teaches pooled heads by the model that still has them all, beside the text", async () => {
    const distill = { weight: 2, crossEntropy: 0.5 };
    const [step] = await stepsOf(recipeOf({ kind: "uptrain", kvHeads: 1, steps: 1, output: "x", distill }), true);
    expect(step?.distillationLoss).toBeGreaterThan(1e-5);
    const terms = (step?.distillationLoss as number) + 0.5 * (step?.crossEntropy as number);
    expect(step?.loss).toBeCloseTo(terms, 5);
  });

  it("asks for a teacher where the start has learnt to compress", async () => {
    const [from] = listCheckpoints(join(folder, "whole/checkpoints")) as [string];
    const branch = { ...retrofit("branch"), model: { from } };
    await expect(train(branch)).rejects.toThrow("distill.teacher");
    const distill = { weight: 1, crossEntropy: 0, teacher: join(folder, "new/model") };
    expect(await stepsOf({ ...branch, distill }, true)).toHaveLength(1);
  });
});

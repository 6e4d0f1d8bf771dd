import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "@kvfold/core";
import { pagePath, plainPath } from "@kvfold/demo-model";
import { scoreWindows } from "@kvfold/eval";
import { parsePolicy } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies, parseConfig } from "@kvfold/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { train } from "../loop/train.js";
import { Parameters } from "../model/parameters.js";
import { parseRecipe } from "../recipe/parse-recipe.js";
import type { Recipe } from "../recipe/recipe.js";
import type { EvaluationEvent, StepEvent, TrainingEvent } from "../report/training-event.js";
import { dmsMethod } from "./dms-method.js";
import { openMethod } from "./open-method.js";

const fields = {
  model_type: "llama",
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 4096,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 1,
};

let folder: string;
beforeAll(async () => {
  await chooseBackend();
  folder = mkdtempSync(join(tmpdir(), "kvfold-dms-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recipeOf(keys: object): Recipe {
  const common = {
    data: { files: pagePath, heldOut: 200 },
    batch: { rows: 4, length: 48 },
    evaluate: { tokens: 200, everySteps: 100 },
    output: "run",
  };
  return parseRecipe(JSON.stringify({ ...common, ...keys }), { path: join(folder, "recipe.yaml") });
}

const retrofit = (method: object = {}) =>
  recipeOf({
    kind: "retrofit",
    cr: 4,
    steps: 30,
    model: { from: "new/model" },
    output: "dms",
    optimizer: { adamw: { learningRate: 3e-3 } },
    method: { kind: "dms", delay: 4, stages: { blank: 5, ramp: 15, solidify: 10 }, ...method },
  });

describe("dmsMethod", () => {
  it("fades, then blanks the neuron of the first query head of each group", () => {
    const { method: recipe } = retrofit({ neuron: "first" });
    if (recipe?.kind !== "dms") throw new Error("not a recipe of dms");
    const method = dmsMethod(recipe, { headDim: 8 });
    const borrowed = { channel: 0, queries: "first-of-group", keys: false };
    expect(method.at(0)).toMatchObject({ stage: "blank", fading: { borrowed, borrowedFactor: 1 } });
    expect(method.at(4)).toMatchObject({ stage: "blank", fading: { borrowed, borrowedFactor: 0 } });
    expect(method.at(5)).toMatchObject({ stage: "ramp", targetRatio: 1 });
    expect(method.at(20)).toMatchObject({ stage: "solidify", targetRatio: 4 });
    expect([5, 6].map((step) => method.inference(step).name)).toEqual(["full", method.at(5).policy.name]);
    const config = parseConfig(fields);
    using parameters = Parameters.initial(config, 3);
    expect([4, 5, 6].map((step) => method.enter(step, parameters))).toEqual([false, true, false]);
    const row = (name: string, i: number) => {
      const values = parameters.get(`model.layers.1.self_attn.${name}.weight`).dataSync();
      return values.subarray(i * config.hiddenSize, (i + 1) * config.hiddenSize).every((value) => value === 0);
    };
    expect([0, 8, 16, 24].map((head) => row("q_proj", head))).toEqual([true, false, true, false]);
    expect([0, 8].map((head) => row("k_proj", head))).toEqual([false, false]);
  });

  it("says in the exported config how the model decides", () => {
    const recipe = retrofit({ logitScale: 50, offset: 4, granularity: "layer" });
    expect(openMethod(recipe, parseConfig(fields)).retrofit).toEqual({
      method: "dms",
      neuron: "last",
      offset: 4,
      logitScale: 50,
      delay: 4,
      temperature: 0.1,
      targetCompressionRatio: 4,
      layers: undefined,
      granularity: "layer",
    });
  });

  it("learns to evict, and the exported folder evicts under dms with no options", { timeout: 60_000 }, async () => {
    await train(
      recipeOf({ kind: "pretrain", steps: 2, model: { config: fields, tokenizer: plainPath }, output: "new" }),
    );
    const events: TrainingEvent[] = [];
    const { exported } = await train(retrofit(), { observers: [{ observe: (event) => void events.push(event) }] });
    const steps = events.filter((event): event is StepEvent => event.type === "step");
    expect(steps[5]?.ratio).toBeLessThan(1.1);
    expect(steps.at(-1)?.ratio).toBeGreaterThan(2);
    expect(steps.at(-1)?.targetRatio).toBe(4);
    const last = events.findLast((event): event is EvaluationEvent => event.type === "evaluation");
    expect(last?.ratio).toBeGreaterThan(1.5);
    using model = await loadLocalModel(exported as string);
    const policy = parsePolicy("dms", modelPolicies(model.config));
    const tokens = Int32Array.from({ length: 120 }, (_, i) => 100 + ((i * 37) % 900));
    expect((await scoreWindows({ model, policy, tokens, window: 60 })).compressionRatio).toBeGreaterThan(1.2);
  });
});

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, openSafetensors } from "@kvfold/core";
import { pagePath, plainPath } from "@kvfold/demo-model";
import { loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRecipe } from "../recipe/parse-recipe.js";
import type { Recipe } from "../recipe/recipe.js";
import type { TrainingEvent } from "../report/training-event.js";
import { listCheckpoints, weightsFile } from "./checkpoint.js";
import { train } from "./train.js";

let folder: string;
beforeAll(async () => {
  await chooseBackend();
  folder = mkdtempSync(join(tmpdir(), "kvfold-train-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model small enough for tests, on the bundled page. */
function recipeOf(output: string, changes = ""): Recipe {
  const text = `
kind: pretrain
model:
  config:
    model_type: llama
    hidden_size: 32
    intermediate_size: 48
    num_hidden_layers: 2
    num_attention_heads: 4
    num_key_value_heads: 2
    vocab_size: 4096
    max_position_embeddings: 64
    rms_norm_eps: 1.0e-5
    rope_theta: 10000
    tie_word_embeddings: true
    bos_token_id: 0
    eos_token_id: 1
  tokenizer: ${plainPath}
output: ${join(folder, output)}
steps: 12
data:
  files: ${pagePath}
  heldOut: 200
batch: { rows: 4, length: 32, accumulate: 2 }
checkpoint: { everySteps: 3, keep: 2 }
evaluate: { everySteps: 6, tokens: 100, recall: 0 }
${changes}`;
  return parseRecipe(text, { path: join(folder, "recipe.yaml") });
}

function weightsOf(output: string): Map<string, Float32Array> {
  const newest = listCheckpoints(join(folder, output, "checkpoints")).at(-1) as string;
  using file = openSafetensors(join(newest, weightsFile));
  return new Map([...file.tensors.keys()].map((name) => [name, file.readFloat32(name)]));
}

describe("train", { timeout: 60_000 }, () => {
  it("learns, evaluates, keeps its checkpoints and exports a model that loads", async () => {
    const before = tf.memory().numTensors;
    const events: TrainingEvent[] = [];
    const recipe = recipeOf("whole");
    const result = await train(recipe, { observers: [{ observe: (event) => events.push(event) }] });
    expect(result).toMatchObject({ reason: "finished", step: 12 });
    const steps = events.filter((event) => event.type === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(steps[0]?.crossEntropy).toBeCloseTo(Math.log(4096), 0);
    expect(steps.at(-1)?.crossEntropy).toBeLessThan((steps[0]?.crossEntropy as number) - 0.1);
    expect(steps.at(-1)?.tokens).toBe(12 * 4 * 32 * 2);
    const evaluations = events.filter((event) => event.type === "evaluation");
    expect(evaluations.map(({ step }) => step)).toEqual([6, 12]);
    expect(evaluations.map(({ ratio }) => ratio)).toEqual([1, 1]);
    expect(listCheckpoints(join(folder, "whole/checkpoints")).map((path) => path.slice(-2))).toEqual(["09", "12"]);
    using model = await loadLocalModel(result.exported as string);
    const ids = model.tokenizer.encode(readFileSync(pagePath, "utf8")).slice(0, 30);
    const scores = await model.logLikelihood(ids);
    expect(-scores.reduce((sum, score) => sum + score, 0) / scores.length).toBeLessThan(Math.log(4096) - 0.1);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("ends with the same weights to the bit when it is stopped and resumed", async () => {
    const abort = new AbortController();
    const stopAt5 = { observe: (event: TrainingEvent) => event.type === "step" && event.step === 5 && abort.abort() };
    const first = await train(recipeOf("halves"), { observers: [stopAt5 as never], signal: abort.signal });
    expect(first).toEqual({ reason: "interrupted", step: 5, exported: undefined });
    const steps: number[] = [];
    const watch = { observe: (event: TrainingEvent) => void (event.type === "step" && steps.push(event.step)) };
    await train(recipeOf("halves"), { observers: [watch] });
    expect(steps[0]).toBe(6);
    expect(weightsOf("halves")).toEqual(weightsOf("whole"));
  });

  it("refuses to go on with another recipe, and says what differs", async () => {
    const other = recipeOf("whole", "seed: 9");
    await expect(train(other)).rejects.toThrow(/seed was 0 and is 9/);
    await expect(train(recipeOf("whole"), { resume: "never" })).rejects.toThrow("at step 12");
  });

  it("refuses to go on with other texts", async () => {
    const text = join(folder, "changing.txt");
    const recipe = { ...recipeOf("changed"), steps: 1 };
    const data = { ...recipe.data, files: [text] };
    writeFileSync(text, readFileSync(pagePath));
    await train({ ...recipe, data });
    writeFileSync(text, readFileSync(pagePath).subarray(1));
    await expect(train({ ...recipe, data })).rejects.toThrow(/The text of .*changing.txt is not what the run of/);
  });

  it("writes nothing in a dry run", async () => {
    const result = await train(recipeOf("dry"), { dryRun: true });
    expect(result).toEqual({ reason: "finished", step: 1, exported: undefined });
    expect(existsSync(join(folder, "dry"))).toBe(false);
  });

  it("gives the same gradients however a step is split into parts", async () => {
    const norms: number[] = [];
    for (const [rows, accumulate] of [
      [8, 1],
      [4, 2],
      [2, 4],
    ]) {
      const recipe = recipeOf(`split-${rows}`);
      const observe = (event: TrainingEvent) => void (event.type === "step" && norms.push(event.gradientNorm));
      const split = { ...recipe, batch: { rows: rows as number, length: 32, accumulate: accumulate as number } };
      await train(split, { dryRun: true, observers: [{ observe }] });
    }
    const [whole, ...parts] = norms as [number, ...number[]];
    expect(parts).toHaveLength(2);
    for (const norm of parts) expect(norm / whole).toBeCloseTo(1, 5);
  });
});

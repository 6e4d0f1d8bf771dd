import { resolve } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { describe, expect, it } from "vitest";
import { type ParseRecipeOptions, parseRecipe } from "./parse-recipe.js";
import type { DmcMethodRecipe } from "./recipe.js";
import { parseOverride } from "./recipe-source.js";

const retrofit = "kind: retrofit\nmodel: { from: demo }\noutput: run\ncr: 4\ndata: { files: a.txt }\n";
const pretrain = retrofit.replace("retrofit", "pretrain").replace("cr: 4", "steps: 100");
const config =
  "{ model_type: llama, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4, vocab_size: 512 }";
const fresh = pretrain.replace("{ from: demo }", `\n  config: ${config}\n  tokenizer: demo`);

const parse = (text: string, options: Partial<ParseRecipeOptions> = {}) =>
  parseRecipe(text, { path: "/recipes/r.yaml", ...options });

const set = (...overrides: readonly string[]) => ({ overrides: overrides.map(parseOverride) });

/** The message of the error that a recipe gives. */
function problem(text: string, options: Partial<ParseRecipeOptions> = {}): string {
  try {
    parse(text, options);
  } catch (error) {
    if (KvfoldError.isInstance(error)) return error.message;
    throw error;
  }
  throw new Error("the recipe was taken");
}

describe("parseRecipe", () => {
  it("fills in every default of a retrofit from cr alone", () => {
    expect(parse(retrofit)).toEqual({
      kind: "retrofit",
      model: { from: "demo" },
      output: resolve("/recipes/run"),
      seed: 0,
      precision: "float32",
      data: {
        files: [resolve("/recipes/a.txt")],
        field: "text",
        normalizeBlanks: false,
        packing: "windows",
        heldOut: 50_000,
        recall: undefined,
      },
      batch: { rows: 8, length: 512, accumulate: 1 },
      steps: 500,
      optimizer: {
        adamw: { learningRate: 1e-3, betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 },
        muon: undefined,
        decisionRate: 1,
        clip: 1,
      },
      schedule: { kind: "wsd", warmupSteps: 25, decaySteps: 87, minimum: 0.1 },
      recompute: false,
      train: "all",
      distill: undefined,
      kvHeads: undefined,
      method: {
        kind: "dmc",
        cr: 4,
        relaxation: "gumbel-sigmoid",
        temperature: 0.1,
        noiseScale: 1,
        granularity: "head",
        lossWeight: 1,
        lossScope: "sequence",
        rampRises: "ratio",
        stages: { blank: 25, ramp: 300, solidify: 175 },
        neuron: "last",
        offset: 5,
        window: 12,
      },
      checkpoint: { everySteps: 50, keep: 3 },
      evaluate: { everySteps: 25, tokens: 10_000, recall: 0 },
    });
  });

  it("takes a budget in tokens, rounded up to whole steps", () => {
    expect(parse(`${retrofit}tokens: 5M\n`).steps).toBe(1221);
    expect(parse(`${retrofit}tokens: 5M\nbatch: { accumulate: 2 }\n`).steps).toBe(611);
    expect(parse(`${retrofit}tokens: 1\n`).steps).toBe(1);
  });

  it("turns to the paper's schedule and rates with the model's size", () => {
    const large = parse(retrofit, { parameters: 7e9 });
    expect(large.method?.stages).toEqual({ blank: 250, ramp: 18_000, solidify: 2000 });
    expect(large.optimizer.adamw.learningRate).toBe(3e-5);
    expect(large.schedule).toMatchObject({ decaySteps: 2000, minimum: 0.1 });
  });

  it("lets every part of the dial be overridden", () => {
    const recipe = parse(
      `${retrofit}steps: 100\nmethod: { stages: { blank: 0, ramp: 70 } }\nschedule: { decaySteps: 5 }\noptimizer: { adamw: { learningRate: 1e-4 } }\n`,
    );
    expect(recipe.method?.stages).toEqual({ blank: 0, ramp: 70, solidify: 30 });
    expect(recipe.schedule.decaySteps).toBe(5);
    expect(recipe.optimizer.adamw.learningRate).toBe(1e-4);
    expect(parse(`${retrofit}method: { stages: { blank: 1, ramp: 2, solidify: 3 } }\n`).steps).toBe(6);
  });

  it("anneals over the ramp, and only the deterministic sigmoid", () => {
    const annealed = (method: string) => parse(`${retrofit}method: { ${method} }\n`).method?.annealing;
    expect(annealed("relaxation: sigmoid")).toEqual({ from: 1, steps: 300 });
    expect(annealed("relaxation: sigmoid, temperature: 2, annealing: { steps: 7 }")).toEqual({ from: 2, steps: 7 });
    expect(annealed("relaxation: straight-through")).toBeUndefined();
    const refused = problem(`${retrofit}method: { annealing: { from: 2 } }\n`);
    expect(refused).toContain("method.annealing.from is not for gumbel-sigmoid");
  });

  it("scales the noise where there is some", () => {
    const scale = (method: string) => parse(`${retrofit}method: { ${method} }\n`).method?.noiseScale;
    expect(scale("relaxation: straight-through")).toBe(1);
    expect(scale("noiseScale: 0")).toBe(0);
    expect(scale("relaxation: sigmoid")).toBeUndefined();
    const refused = problem(`${retrofit}method: { relaxation: sigmoid, noiseScale: 1 }\n`);
    expect(refused).toContain("method.noiseScale is not for sigmoid");
  });

  it("distils in dms unless told otherwise, and not in dmc", () => {
    expect(parse(`${retrofit}method: { kind: dms }\n`)).toMatchObject({
      distill: { weight: 1, crossEntropy: 0 },
      method: { kind: "dms", logitScale: 100, delay: 256 },
    });
    expect(parse(`${retrofit}method: { kind: dms }\ndistill: null\n`).distill).toBeUndefined();
    expect(parse(`${retrofit}distill: { teacher: ./old }\n`).distill?.teacher).toBe("/recipes/old");
    expect(parse(`${retrofit}distill: { crossEntropy: 1 }\n`).distill).toEqual({ weight: 1, crossEntropy: 1 });
  });

  it("reads null where it says none", () => {
    expect((parse(`${retrofit}method: { window: null }\n`).method as DmcMethodRecipe).window).toBeNull();
    expect(parse(`${retrofit}optimizer: { clip: .inf }\n`).optimizer.clip).toBe(Number.POSITIVE_INFINITY);
    expect(parse(`${retrofit}optimizer: { muon: {} }\n`).optimizer.muon).toEqual({
      learningRate: 0.004,
      momentum: 0.95,
      weightDecay: 0.05,
    });
  });

  it("makes a new model, sized by its config", () => {
    const recipe = parse(fresh);
    expect(recipe.model).toMatchObject({ config: { hidden_size: 64 }, tokenizer: "demo" });
    expect(recipe).toMatchObject({
      steps: 100,
      schedule: { warmupSteps: 5, decaySteps: 40, minimum: 0 },
      method: undefined,
      optimizer: { adamw: { learningRate: 1e-3 } },
    });
  });

  it("starts relative paths at the recipe's folder, those of overrides at the current one", () => {
    const recipe = parse(retrofit.replace("demo", "../models/x"), set("output=there", "data.files=[b.txt, /c.txt]"));
    expect(recipe.model).toEqual({ from: resolve("/models/x") });
    expect(recipe.output).toBe(resolve("there"));
    expect(recipe.data.files).toEqual([resolve("b.txt"), resolve("/c.txt")]);
    expect(parse(retrofit.replace("demo", "owner/name")).model).toEqual({ from: "owner/name" });
  });

  it("applies overrides to keys that the file has and has not", () => {
    expect(parse(retrofit, set("cr=2", "batch.rows=3", "optimizer.muon={}", "tokens=1M")).steps).toBe(652);
    expect(parse(`${retrofit}steps: 9\n`, set("tokens=3M"))).toMatchObject({ steps: 733 });
    expect(parse(`${retrofit}steps: 9\nseed: 5\n`, set("steps=", "seed="))).toMatchObject({ steps: 500, seed: 0 });
  });
});

describe("a recipe that is refused", () => {
  it.each([
    [
      "unknown keys, with the nearest",
      `${retrofit}batch:\n  row: 3\n`,
      "r.yaml:7: batch.row is not a key of a recipe. Did you mean 'rows'? There are rows, length, accumulate.",
    ],
    [
      "unknown keys at the top",
      `${retrofit}batches: {}\n`,
      "r.yaml:6: batches is not a key of a recipe. Did you mean 'batch'?",
    ],
    [
      "unknown keys of optional sections",
      `${retrofit}optimizer:\n  muon:\n    lr: 1\n`,
      "r.yaml:8: optimizer.muon.lr is not a key",
    ],
    [
      "values out of range",
      `${retrofit}batch:\n  rows: 0\n`,
      "r.yaml:7: batch.rows must be a whole number from 1 up, but is 0.",
    ],
    [
      "values of other types",
      `${retrofit}batch:\n  rows: many\n`,
      'batch.rows must be a whole number from 1 up, but is "many".',
    ],
    ["sections that are none", `${retrofit}batch: 3\n`, "batch must be a section of keys, but is 3."],
    ["choices, with all of them", `${retrofit}precision: fp16\n`, 'precision must be float32 or bf16, but is "fp16".'],
    [
      "tokens that cannot be read",
      `${retrofit}tokens: 5T\n`,
      "tokens must be a number of tokens from 1 up, such as 200k or 5M",
    ],
    [
      "what is missing",
      "kind: retrofit\noutput: run\ncr: 4\nmodel: { from: demo }\n",
      "data.files is missing; it must be a path or glob",
    ],
    ["no kind", "output: run\n", "kind is missing; it must be pretrain, uptrain or retrofit"],
    ["a file without keys", "just text", 'a recipe must be a section of keys, but is "just text".'],
    ["YAML that is broken", "kind: retrofit\nbatch: [1\nseed: 2\n", "r.yaml:3: not valid YAML"],
    ["keys given twice", `${retrofit}cr: 2\n`, "r.yaml:6: not valid YAML: Map keys must be unique."],
    ["a retrofit without ratio", retrofit.replace("cr: 4", ""), "cr is missing; a retrofit needs a ratio"],
    ["ratios of 1", retrofit.replace("cr: 4", "cr: 1"), "r.yaml:4: cr must be a number above 1, but is 1."],
    [
      "a method without retrofit",
      `${pretrain}method: {}\n`,
      "r.yaml:6: method is only for kind: retrofit, not pretrain.",
    ],
    ["keys of the other method", `${retrofit}method: { delay: 3 }\n`, "method.delay is not for dmc."],
    ["both budgets", `${pretrain}tokens: 3M\n`, "r.yaml:4: steps and tokens are both there"],
    ["no budget", pretrain.replace("steps: 100", ""), "steps is missing; give steps or tokens."],
    ["no model", pretrain.replace("{ from: demo }", "{}"), "r.yaml:2: model.from is missing"],
    ["two models", fresh.replace("  tokenizer", "  from: demo\n  tokenizer"), "keep one of them"],
    ["a new model without tokenizer", fresh.replace("tokenizer: demo", ""), "model.tokenizer is missing"],
    ["a new model that is none", fresh.replace("llama", "bert"), 'model type "bert" is not supported'],
    ["a retrofit of a new model", fresh.replace("pretrain", "retrofit"), "only for kind: pretrain"],
    ["an uptrain without heads", pretrain.replace("pretrain", "uptrain"), "kvHeads is missing"],
    [
      "stages that do not add up",
      `${retrofit}steps: 9\nmethod: { stages: { ramp: 10 } }\n`,
      "r.yaml:7: method.stages must add up to the 9 steps of the run, but are the dial's + 10 + the dial's.",
    ],
    [
      "evaluations beyond what is held out",
      `${retrofit}evaluate: { tokens: 60k }\n`,
      "evaluate.tokens is 60000, but data.heldOut keeps only 50000",
    ],
    ["schedules longer than the run", `${pretrain}schedule: { decaySteps: 101 }\n`, "more than the 100 steps"],
  ])("names %s", (_what, text, message) => expect(problem(text)).toContain(message));

  it("lists all problems at once, each with its line", () => {
    expect(problem(`${retrofit}batch:\n  rows: 0\n  lenth: 2\nseed: -1\n`)).toMatchInlineSnapshot(`
      "r.yaml has 3 problems:
        r.yaml:9: seed must be a whole number from 0 up, but is -1.
        r.yaml:7: batch.rows must be a whole number from 1 up, but is 0.
        r.yaml:8: batch.lenth is not a key of a recipe. Did you mean 'length'? There are rows, length, accumulate."
    `);
  });

  it("names the override that was wrong", () => {
    expect(problem(retrofit, set("batch.rows=x"))).toBe(
      '--set batch.rows: batch.rows must be a whole number from 1 up, but is "x".',
    );
    expect(problem(retrofit, set("cr.x=1"))).toMatch(/^--set cr\.x=1: .+\.$/);
    expect(() => parseOverride("batch.rows")).toThrow("write key.path=value");
  });

  it("survives keys of every object's prototype", () => {
    expect(problem(`${retrofit}__proto__: 1\n`)).toContain("__proto__ is not a key");
    expect(problem(`${retrofit}constructor: 1\n`)).toContain("constructor is not a key");
  });
});

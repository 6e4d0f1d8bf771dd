import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARCHITECTURES } from "./model-config.js";
import { parseConfig } from "./parse-config.js";
import { retrofitBlock } from "./retrofit-config.js";

const modelsFolder = join(goldensPath("hf") ?? "", "models");
const readJson = (...parts: string[]): Record<string, unknown> => JSON.parse(readFileSync(join(...parts), "utf8"));
const cases = readdirSync(modelsFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const golden = (name: string) => parseConfig(readJson(modelsFolder, name, "config.json"));

/** Smallest valid config of a model type; all else is left to the defaults. */
const small = (modelType: string, extra: Record<string, unknown> = {}) => ({
  model_type: modelType,
  hidden_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  ...extra,
});

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (KvfoldError.isInstance(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
};

describe("parseConfig on the golden folders", () => {
  it.each(cases.map((entry) => entry.name))("%s: transformers 4 and 5 spellings mean the same", (name) => {
    const generation = readJson(modelsFolder, name, "generation_config.json");
    const four = parseConfig(readJson(modelsFolder, name, "config.json"), generation);
    const five = parseConfig(readJson(modelsFolder, name, "config.v5.json"), generation);
    expect(five).toEqual(four);
    expect(four.perLayer).toHaveLength(four.layers);
    expect(four.eosIds).toEqual([2]);
    expect(four.bosId).toBe(1);
  });

  it("agrees with the index on head sizes", () => {
    const index = readJson(modelsFolder, "index.json") as {
      cases: Record<string, { model_type: string; head_dim: number; heads: number; kv_heads: number }>;
    };
    for (const [name, expected] of Object.entries(index.cases)) {
      const config = golden(name);
      expect([config.architecture, config.headDim, config.queryHeads, config.kvHeads]).toEqual([
        expected.model_type,
        expected.head_dim,
        expected.heads,
        expected.kv_heads,
      ]);
    }
  });

  it("reads what sets each family apart", () => {
    expect(golden("mistral-sliding").perLayer[0]?.slidingWindow).toBe(16);
    expect(golden("qwen2").attentionBias).toEqual({ qkv: true, o: false });
    expect(golden("qwen3").qkNorm).toBe(true);
    expect(golden("smollm3-nope").perLayer.map((layer) => layer.useRope)).toEqual([true, false, true]);
    expect(golden("smollm3-nope").tiedEmbeddings).toBe(true);
    expect(golden("phi3-fused").fusedProjections).toBe(true);
    const gemma = golden("gemma3-text");
    expect(gemma).toMatchObject({ tiedEmbeddings: true, embeddingScale: 8, normWeightOffset: 1, extraNorms: true });
    expect(gemma.attentionScale).toBeCloseTo(24 ** -0.5, 12);
    expect(gemma.perLayer.map((layer) => [layer.ropeKind, layer.slidingWindow])).toEqual([
      ["local", 16],
      ["global", undefined],
      ["local", 16],
    ]);
    expect([gemma.rope.theta, gemma.ropeLocal?.theta]).toEqual([1e6, 1e4]);
  });

  it("reads every rope scaling", () => {
    expect(golden("llama-rope-linear").rope.scaling).toEqual({ type: "linear", factor: 4 });
    expect(golden("llama-rope-dynamic").rope.scaling).toEqual({ type: "dynamic", factor: 4 });
    expect(golden("llama-rope-dynamic").rope.maxPositions).toBe(32);
    expect(golden("llama-rope-llama3").rope.scaling).toMatchObject({
      type: "llama3",
      originalMaxPositions: 64,
      factor: 8,
    });
    expect(golden("llama-rope-yarn").rope.scaling).toMatchObject({
      type: "yarn",
      originalMaxPositions: 64,
      factor: 8,
    });
  });
});

describe("parseConfig defaults", () => {
  it("fills the defaults of each model type", () => {
    expect(parseConfig({ model_type: "llama" })).toMatchObject({ hiddenSize: 4096, kvHeads: 32, normEpsilon: 1e-6 });
    expect(parseConfig({ model_type: "mistral" })).toMatchObject({ kvHeads: 8, maxPositions: 131072 });
    expect(parseConfig({ model_type: "mistral" }).perLayer[31]?.slidingWindow).toBe(4096);
    expect(parseConfig({ model_type: "mistral", sliding_window: null }).perLayer[0]?.slidingWindow).toBeUndefined();
    expect(parseConfig({ model_type: "qwen3" })).toMatchObject({ headDim: 128, vocabSize: 151936, eosIds: [] });
    expect(parseConfig({ model_type: "smollm3" })).toMatchObject({ tiedEmbeddings: true, eosIds: [128001] });
    expect(
      parseConfig({ model_type: "smollm3" })
        .perLayer.slice(0, 4)
        .map((layer) => layer.useRope),
    ).toEqual([true, true, true, false]);
    expect(parseConfig({ model_type: "phi3" })).toMatchObject({ normEpsilon: 1e-5, eosIds: [32000] });
    expect(parseConfig({ model_type: "gemma3_text" })).toMatchObject({ tiedEmbeddings: true, headDim: 256, bosId: 2 });
  });

  it("reads a partial rotation in both spellings", () => {
    const four = small("phi3", { partial_rotary_factor: 0.75 });
    const five = small("phi3", { rope_parameters: { rope_type: "default", partial_rotary_factor: 0.75 } });
    expect([parseConfig(four).rope.rotaryDim, parseConfig(five).rope.rotaryDim]).toEqual([12, 12]);
    expect(parseConfig(small("phi3")).rope.rotaryDim).toBe(16);
  });

  it("finds the model type in the class name when model_type is missing", () => {
    expect(parseConfig({ architectures: ["Qwen2ForCausalLM"] }).architecture).toBe("qwen2");
  });

  it("joins the EOS ids of both files and drops a default outside a small vocabulary", () => {
    const generation = { eos_token_id: [7, 9] };
    expect(parseConfig(small("llama", { vocab_size: 32, eos_token_id: [9, 8] }), generation).eosIds).toEqual([9, 8, 7]);
    expect(parseConfig(small("smollm3", { vocab_size: 256 }))).toMatchObject({ eosIds: [], bosId: undefined });
  });

  it("lets Qwen slide only from max_window_layers on and only when told to", () => {
    const keys = { sliding_window: 8, max_window_layers: 1 };
    const windows = (json: unknown) => parseConfig(json).perLayer.map((layer) => layer.slidingWindow);
    expect(windows(small("qwen2", keys))).toEqual([undefined, undefined, undefined]);
    expect(windows(small("qwen2", { ...keys, use_sliding_window: true }))).toEqual([undefined, 8, 8]);
  });
});

describe("parseConfig on a retrofitted model", () => {
  it("reads the golden block and kvfold's own", () => {
    const tiny = parseConfig(readJson(goldensPath("dmc") ?? "", "tiny_llama", "config.json"));
    expect(tiny.retrofit).toEqual({
      method: "dmc",
      neuron: "last",
      offset: 5,
      importanceEpsilon: 2 ** -7,
      window: 12,
      temperature: 0.1,
      targetCompressionRatio: undefined,
      layers: [0, 1],
      granularity: "head",
    });
    const block = { method: "dmc", neuron: "first", offset: 4, importance_epsilon: 0, window: null, target_cr: 4 };
    expect(parseConfig(small("llama", { kvfold: block })).retrofit).toMatchObject({
      neuron: "first",
      offset: 4,
      importanceEpsilon: 0,
      window: undefined,
      targetCompressionRatio: 4,
      layers: undefined,
    });
    expect(parseConfig(small("llama")).retrofit).toBeUndefined();
  });

  it("reads a block of DMS", () => {
    const block = { method: "dms", delay: 256, target_cr: 8, granularity: "layer" };
    expect(parseConfig(small("llama", { kvfold: block })).retrofit).toEqual({
      method: "dms",
      neuron: "last",
      offset: 5,
      logitScale: 100,
      delay: 256,
      temperature: 0.1,
      targetCompressionRatio: 8,
      layers: undefined,
      granularity: "layer",
    });
  });

  it.each([
    { method: "dmc" },
    { method: "dmc", neuron: "first", offset: 4, importance_epsilon: 0, window: null, target_cr: 4, layers: [0, 2] },
    { method: "dms", delay: 0 },
    { method: "dms", delay: 16, logit_scale: 10, neuron: "first", temperature: 1, granularity: "layer", layers: [] },
  ])("writes a block that reads back the same: %j", (block) => {
    const { retrofit } = parseConfig(small("llama", { kvfold: block }));
    expect(retrofit && parseConfig(small("llama", { kvfold: retrofitBlock(retrofit) })).retrofit).toEqual(retrofit);
    expect(retrofit && retrofitBlock(retrofit)).toMatchObject(block);
  });

  it.each([
    ["two blocks", { kvfold: { method: "dmc" }, dmc: {} }, /keep one of the two/],
    ["unknown method", { kvfold: { method: "magic" } }, /"method" must be one of dmc, dms, but is "magic"/],
    ["middle neuron", { dmc: { neuron: "middle" } }, /first, last/],
    ["layer out of range", { dmc: { layers: [3] } }, /from 0 to 2, but has 3/],
    ["negative window", { dmc: { window_size: -1 } }, /between 0/],
    ["a DMS without delay", { kvfold: { method: "dms" } }, /"delay" is missing/],
    ["a DMS without scale", { kvfold: { method: "dms", delay: 1, logit_scale: 0 } }, /"logit_scale" must be between/],
    ["granularity", { kvfold: { method: "dmc", granularity: "model" } }, /head, layer/],
    ["a list", { dmc: [] }, /must be a JSON object/],
  ])("refuses %s", (_, extra, message) => {
    expect(codeOf(() => parseConfig(small("llama", extra)))).toMatch(message);
  });
});

describe("parseConfig on bad input", () => {
  it.each([
    ["no object", null, /config.json must be a JSON object, but is null/],
    ["a list", [1], /a list of 1/],
    ["nothing", {}, /neither "model_type" nor "architectures"/],
    [
      "unknown architecture",
      { model_type: "mamba" },
      /"mamba" is not supported. Supported model types: llama, mistral/,
    ],
    ["a prototype key", { model_type: "constructor" }, /not supported/],
    [
      "zero layers",
      small("llama", { num_hidden_layers: 0 }),
      /"num_hidden_layers" must be between 1 and 1024, but is 0/,
    ],
    ["absurd size", small("llama", { hidden_size: 1e12 }), /"hidden_size" must be between/],
    ["NaN", small("llama", { hidden_size: Number.NaN }), /"hidden_size" must be between/],
    ["fraction", small("llama", { num_hidden_layers: 2.5 }), /whole number, but is 2.5/],
    ["text for a number", small("llama", { vocab_size: "32000" }), /"vocab_size" must be a number, but is "32000"/],
    ["indivisible heads", small("llama", { num_key_value_heads: 3 }), /does not divide the 4 attention heads/],
    ["indivisible hidden size", small("llama", { hidden_size: 66 }), /not a multiple of the 4/],
    ["odd head size", small("llama", { head_dim: 15 }), /must be even/],
    ["number for a flag", small("llama", { tie_word_embeddings: 1 }), /true or false, but is 1/],
    ["activation", small("llama", { hidden_act: "relu" }), /"hidden_act" is not supported; supported: silu/],
    ["rope kind", small("llama", { rope_scaling: { rope_type: "longrope", factor: 2 } }), /default, linear, dynamic/],
    ["rope without factor", small("llama", { rope_scaling: { type: "linear" } }), /"factor" is missing/],
    ["rope_theta", small("llama", { rope_theta: -5 }), /"rope_theta" must be between/],
    ["partial rotation", small("phi3", { partial_rotary_factor: 0.2 }), /of 16 channels that rotates 3, not an even/],
    ["short layer_types", small("qwen3", { layer_types: ["full_attention"] }), /each of the 3 layers, but has 1/],
    ["short no_rope_layers", small("smollm3", { no_rope_layers: [1] }), /each of the 3 layers/],
    ["eos out of range", small("llama", { eos_token_id: 40000 }), /ids from 0 to 31999, but has 40000/],
    ["quantised weights", small("llama", { quantization_config: { quant_method: "gptq" } }), /quantised \(gptq\)/],
    ["soft-capping", small("gemma3_text", { final_logit_softcapping: 30 }), /soft-capping is not supported/],
  ])("refuses %s with a sentence", (_, json, message) => {
    expect(codeOf(() => parseConfig(json))).toMatch(message);
  });

  it("never throws anything but a KvfoldError, whatever single key is damaged", () => {
    const names = fc.constantFrom(...ARCHITECTURES);
    const keys = fc.constantFrom(
      ...["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size"],
      ...["rope_scaling", "rope_parameters", "layer_types", "no_rope_layers", "eos_token_id", "sliding_window", "dmc"],
    );
    fc.assert(
      fc.property(names, keys, fc.jsonValue({ maxDepth: 3 }), (name, key, value) => {
        const outcome = codeOf(() => parseConfig(small(name, { [key]: value })));
        expect(outcome).toMatch(/^(no error|config-(malformed|unsupported): .*\.)$/s);
        expect(outcome.length).toBeLessThan(400);
      }),
      { numRuns: 1000 },
    );
  });
});

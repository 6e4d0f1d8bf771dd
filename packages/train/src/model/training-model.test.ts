import { chooseBackend } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import { type DmcOptions, dmc } from "@kvfold/dmc";
import { full } from "@kvfold/kv-cache";
import { type ModelConfig, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { backends } from "../../test/backends.js";
import { compareWithDecoding } from "../../test/compare-with-decoding.js";
import { Parameters } from "./parameters.js";
import { parametersSource } from "./parameters-source.js";

/** Decisions nearer to the threshold than this could be tipped by rounding. */
const clear = 1e-3;
/** Of the largest logit. */
const tolerance = 1e-5;

const configOf = (kvHeads: number, retrofit: Record<string, unknown> | undefined): ModelConfig =>
  parseConfig({
    model_type: "llama",
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: kvHeads,
    vocab_size: 61,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    ...(retrofit && { kvfold: retrofit }),
  });

/**
 * New weights whose decision neurons, which a retrofitted model has, are far larger than they start, so that tokens are
 * decided both ways.
 */
function decidingParameters(config: ModelConfig, seed: number): Parameters {
  const { headDim, hiddenSize } = config;
  const initial = Parameters.initial(config, seed);
  const channel = config.retrofit?.neuron === "first" ? 0 : headDim - 1;
  const scaled = Parameters.make(config, (name) => {
    const factor = !config.retrofit ? 1 : /k_proj/.test(name) ? 10 : /q_proj/.test(name) ? 5 : 1;
    const values = initial.get(name).dataSync<"float32">();
    return values.map((x, i) => (Math.floor(i / hiddenSize) % headDim === channel ? x * factor : x));
  });
  initial.dispose();
  return scaled;
}

describe.each(backends)("law 10 on whole models, on %s", (backend) => {
  beforeAll(async () => {
    await chooseBackend({ prefer: backend });
  });

  const rows: [string, number, DmcOptions | undefined][] = [
    ["grouped queries", 2, {}],
    ["as many KV heads as query heads", 4, {}],
    ["one KV head", 1, { window: null, neuron: "first" }],
    ["the first head decides for its layer", 2, { granularity: "layer" }],
    ["only some layers fold", 2, { layers: [0, 2] }],
    ["a lower threshold", 2, { threshold: 0.2 }],
    ["nothing folds", 2, undefined],
  ];

  it.each(rows)("%s: training with hard decisions is decoding over the compacted cache", (_, kvHeads, options) => {
    const { neuron, window = 4, granularity, layers } = options ?? {};
    const config = configOf(kvHeads, options && { method: "dmc", neuron, window, granularity, layers });
    const before = tf.memory().numTensors;
    {
      using parameters = decidingParameters(config, 7);
      using source = parametersSource(parameters, "random weights");
      const policy = options ? dmc({ window, ...options }) : full();
      const found = compareWithDecoding(source, config, policy, randomIds(11, 3, 40, config.vocabSize));
      expect(found.margin).toBeGreaterThan(clear);
      expect(found.difference).toBeLessThan(tolerance * found.largest);
      if (options === undefined) expect(found.ratio).toBe(1);
      else expect(found.ratio).toBeGreaterThan(1.2);
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

function randomIds(seed: number, rows: number, length: number, vocab: number): number[][] {
  const random = seeded(seed);
  return Array.from({ length: rows }, () => Array.from({ length }, () => Math.floor(random.next() * vocab)));
}

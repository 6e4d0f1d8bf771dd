import { plainPath } from "@kvfold/demo-model";
import { openModelFiles, parseConfig } from "@kvfold/models";
import { expect, it } from "vitest";
import { parameterCount } from "./parameter-count.js";

it("counts what the file of the demo model holds", async () => {
  const { config, source } = await openModelFiles(plainPath);
  const stored = source
    .names()
    .reduce((sum, name) => sum + source.info(name).shape.reduce((n, size) => n * size, 1), 0);
  source.close();
  expect(parameterCount(config)).toBe(stored);
});

it("counts Llama 2 7B", () => {
  const config = parseConfig({
    model_type: "llama",
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    vocab_size: 32000,
    tie_word_embeddings: false,
  });
  expect(parameterCount(config)).toBe(6_738_415_616);
});

it("counts biases, norms of q and k, and a second pair of norms", () => {
  const base = { model_type: "qwen3", hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1 };
  const heads = {
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 4,
    vocab_size: 10,
    tie_word_embeddings: true,
  };
  const plain = parseConfig({ ...base, ...heads, model_type: "llama" });
  const all = 10 * 8 + 8 * 4 * 6 + 3 * 8 * 16 + 2 * 8 + 8;
  expect(parameterCount(plain)).toBe(all);
  expect(parameterCount({ ...plain, qkNorm: true, extraNorms: true })).toBe(all + 8 + 16);
  expect(parameterCount({ ...plain, attentionBias: { qkv: true, o: true }, mlpBias: true })).toBe(all + 16 + 8 + 40);
});

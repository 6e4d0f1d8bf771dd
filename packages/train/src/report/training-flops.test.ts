import { parseConfig } from "@kvfold/models";
import { expect, it } from "vitest";
import { parameterCount } from "../recipe/parameter-count.js";
import { trainingFlops } from "./training-flops.js";

const llama7b = parseConfig({
  model_type: "llama",
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  vocab_size: 32000,
  tie_word_embeddings: false,
});

it("is PaLM's formula for Llama 2 7B", () => {
  const norms = 65 * 4096;
  const matrices = parameterCount(llama7b) - 32000 * 4096 - norms;
  expect(trainingFlops(llama7b, 4096)).toBe(6 * matrices + 12 * 32 * 32 * 128 * 4096);
});

it("counts the multiplications of one small layer, by hand", () => {
  const config = parseConfig({
    model_type: "llama",
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: 10,
    tie_word_embeddings: true,
  });
  const products = 8 * 8 + 2 * 8 * 4 + 8 * 8 + 3 * 8 * 16 + 10 * 8; // q, k and v, o, MLP, head
  const attention = 2 * 4 * 2 * 5; // q.k and p.v: heads x channels x tokens
  expect(trainingFlops(config, 5)).toBe(3 * 2 * (products + attention));
});

it("counts a sliding window, not the tokens outside it", () => {
  const window = { ...llama7b, perLayer: llama7b.perLayer.map((layer) => ({ ...layer, slidingWindow: 100 })) };
  expect(trainingFlops(window, 4096)).toBe(trainingFlops(llama7b, 100));
  expect(trainingFlops(window, 50)).toBe(trainingFlops(llama7b, 50));
});

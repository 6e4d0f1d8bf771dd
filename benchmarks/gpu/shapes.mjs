/** Models by their Hugging Face config; random weights serve, for nothing here depends on what a model says. */
export const shapes = {
  // Llama 2 7B
  "7b": llama({ hidden: 4096, inner: 11_008, layers: 32, heads: 32, kvHeads: 32, vocab: 32_000, positions: 4096 }),
  // SmolLM2 135M
  "135m": llama({ hidden: 576, inner: 1536, layers: 30, heads: 9, kvHeads: 3, vocab: 49_152, positions: 8192 }),
  // for tests of these programs
  tiny: llama({ hidden: 64, inner: 96, layers: 2, heads: 2, kvHeads: 2, vocab: 96, positions: 256 }),
};

function llama({ hidden, inner, layers, heads, kvHeads, vocab, positions }) {
  return {
    model_type: "llama",
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    vocab_size: vocab,
    max_position_embeddings: positions,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: hidden === 576,
  };
}

/** Numbers that are read and multiplied for every token of a decoding step: all matrices, the head too, not the embedding. */
export function matrixParameters({ hiddenSize, intermediateSize, layers, queryHeads, kvHeads, headDim, vocabSize }) {
  const attention = hiddenSize * headDim * (2 * queryHeads + 2 * kvHeads);
  return layers * (attention + 3 * hiddenSize * intermediateSize) + vocabSize * hiddenSize;
}

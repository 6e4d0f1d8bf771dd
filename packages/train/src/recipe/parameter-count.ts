import type { ModelConfig } from "@kvfold/models";

/** Weights of one layer that multiply a token: projections of attention, and the MLP. */
export function layerMatrixParameters(config: ModelConfig): number {
  const { hiddenSize, intermediateSize, queryHeads, kvHeads, headDim } = config;
  return hiddenSize * headDim * (2 * queryHeads + 2 * kvHeads) + 3 * hiddenSize * intermediateSize;
}

/** All weights of a model, as its file holds them: tied embeddings once, norms and biases counted. */
export function parameterCount(config: ModelConfig): number {
  const { hiddenSize, intermediateSize, layers, queryHeads, kvHeads, headDim, vocabSize } = config;
  const biases =
    (config.attentionBias.qkv ? headDim * (queryHeads + 2 * kvHeads) : 0) +
    (config.attentionBias.o ? hiddenSize : 0) +
    (config.mlpBias ? 2 * intermediateSize + hiddenSize : 0);
  const norms = (config.extraNorms ? 4 : 2) * hiddenSize + (config.qkNorm ? 2 * headDim : 0);
  const embeddings = (config.tiedEmbeddings ? 1 : 2) * vocabSize * hiddenSize;
  return embeddings + layers * (layerMatrixParameters(config) + biases + norms) + hiddenSize;
}

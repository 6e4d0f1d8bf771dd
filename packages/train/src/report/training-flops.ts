import type { ModelConfig } from "@kvfold/models";
import { layerMatrixParameters } from "../recipe/parameter-count.js";

/**
 * Model FLOPs of training on one token, forward and backward: `6 N + 12 L H Q T` (PaLM, Chowdhery et al. 2022, appendix B).
 *
 * - `N`: weights that multiply a token: projections, MLP and output head (also a tied one); not the embedding's look-up,
 *   norms or biases. 2 for each in the forward pass, 4 in the backward pass. Chinchilla (Hoffmann et al. 2022, appendix F)
 *   counts the same products, and the small terms too.
 * - `12 L H Q T`: products of queries with keys and of weights with values, in `L` layers of `H` query heads of `Q` channels
 *   over all `T` tokens of a row, as PaLM counts them: the causal mask saves half of it, which shows as a higher utilisation.
 *   A sliding-window layer counts its window.
 *
 * What is computed again to save memory, and what compression adds or saves, is not counted: model FLOPs utilisation is
 * `trainingFlops * tokens per second / peak`.
 *
 * @param length tokens of a row
 */
export function trainingFlops(config: ModelConfig, length: number): number {
  const { layers, queryHeads, headDim, vocabSize, hiddenSize } = config;
  const matrices = layers * layerMatrixParameters(config) + vocabSize * hiddenSize;
  const seen = config.perLayer.reduce((sum, { slidingWindow }) => sum + Math.min(length, slidingWindow ?? length), 0);
  return 6 * matrices + 12 * queryHeads * headDim * seen;
}

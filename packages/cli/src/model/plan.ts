import type { CachePolicy } from "@kvfold/kv-cache";
import type { ModelConfig } from "@kvfold/models";

/** What one sequence needs under a policy. */
export interface PolicyPlan {
  /** Stored entries at the context, over all layers and KV heads. */
  readonly entries: number;
  /** Bytes of the cache at the context: entries in float32, columns, policy state. */
  readonly bytesPerSequence: number;
  /** `bytesPerSequence` / context. */
  readonly bytesPerToken: number;
  /** Sequences of the context whose caches fit beside the weights; 0 when not even the weights fit. */
  readonly sequences: number;
  /** Floating-point operations of one decode step at the context: 2 a weight, and attention over the entries. */
  readonly flopsPerToken: number;
}

const FLOAT_BYTES = 4;

/** Weights that take part in every token: projections, MLP and output head. */
function matrixWeights(config: ModelConfig): number {
  const { hiddenSize, intermediateSize, layers, queryHeads, kvHeads, headDim, vocabSize } = config;
  const attention = hiddenSize * headDim * (2 * queryHeads + 2 * kvHeads);
  return layers * (attention + 3 * hiddenSize * intermediateSize) + vocabSize * hiddenSize;
}

/** Bytes of the weights as they are held here: float32. */
export function weightBytes(config: ModelConfig): number {
  return matrixWeights(config) * FLOAT_BYTES;
}

/**
 * What a policy needs, from the model's config alone.
 *
 * @param context tokens of each sequence
 * @param memoryBytes memory for weights and caches together
 */
export function planPolicy(policy: CachePolicy, config: ModelConfig, context: number, memoryBytes: number): PolicyPlan {
  const { layers, queryHeads, kvHeads, headDim } = config;
  let entries = 0;
  let bytesPerSequence = 0;
  for (let layer = 0; layer < layers; layer++) {
    const estimate = policy.estimate(context, { layer, layers, queryHeads, kvHeads, headDim });
    entries += estimate.entries;
    bytesPerSequence += estimate.entries * (2 * headDim + estimate.columns) * FLOAT_BYTES + estimate.stateBytes;
  }
  // q.k and p.v: 2 operations each for every query head, entry and channel
  const attention = (entries / kvHeads) * queryHeads * headDim * 4;
  return {
    entries,
    bytesPerSequence,
    bytesPerToken: bytesPerSequence / context,
    sequences: Math.max(0, Math.floor((memoryBytes - weightBytes(config)) / bytesPerSequence)),
    flopsPerToken: 2 * matrixWeights(config) + attention,
  };
}

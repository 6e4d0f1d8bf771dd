import type { CachePolicy } from "@kvfold/kv-cache";
import type { ModelConfig } from "@kvfold/models";

/** Tokens a call where calls may be long: logits of 64 tokens over a vocabulary of 128 K ids take 34 MB. */
const LONGEST = 64;

/**
 * Tokens that may go through the model at once while the result is what decoding token by token gives: 64 for policies
 * that promise so in every layer (`chunking: "exact"`, law 1), else 1. Dynamic RoPE rotates by the length of a call, so
 * there every model is decoded.
 */
export function scoringChunk(policy: CachePolicy, config: ModelConfig): number {
  const { layers, queryHeads, kvHeads, headDim } = config;
  const exact = Array.from({ length: layers }, (_, layer) =>
    policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim }),
  ).every(({ traits }) => traits.chunking === "exact");
  const dynamic = [config.rope, config.ropeLocal].some((rope) => rope?.scaling.type === "dynamic");
  return exact && !dynamic ? LONGEST : 1;
}

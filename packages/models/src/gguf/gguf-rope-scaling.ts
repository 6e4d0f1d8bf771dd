import { KvfoldError, quoted } from "@kvfold/core";
import type { GgufSource } from "../weights/open-gguf.js";

/** Llama 3.1's scaling, which GGUF holds as factors only; every published Llama 3.x was trained with these. */
export const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/**
 * `rope_scaling` of the Hugging Face config, or null: linear and yarn from metadata, llama3 from the `rope_freqs` tensor.
 *
 * @throws KvfoldError `model-unsupported` for another type, or factors that are not llama3's
 */
export function ggufRopeScaling(
  source: GgufSource,
  prefix: string,
  theta: number,
  ropeDims: number,
): Record<string, unknown> | null {
  if (source.has("rope_freqs.weight")) return llama3Scaling(source, theta, ropeDims);
  const { metadata } = source;
  const key = (name: string) => `${prefix}.rope.scaling.${name}`;
  const type = metadata.string(key("type")) ?? "none";
  if (type === "none") return null;
  const factor = metadata.requireNumber(key("factor"));
  if (type === "linear") return { rope_type: "linear", factor };
  if (type !== "yarn") {
    throw new KvfoldError(
      "model-unsupported",
      `${source.path} has RoPE scaling ${quoted(type)}; none, linear, yarn and llama3 are supported in GGUF.`,
    );
  }
  const attention = metadata.number(key("attn_factor"));
  const optional = {
    original_max_position_embeddings: metadata.number(key("original_context_length")),
    // llama.cpp multiplies its own 1 + 0.1 ln(factor) by this number; Hugging Face takes the product.
    attention_factor: attention === undefined ? undefined : attention * (1 + 0.1 * Math.log(factor)),
    beta_fast: metadata.number(key("yarn_beta_fast")),
    beta_slow: metadata.number(key("yarn_beta_slow")),
  };
  return {
    rope_type: "yarn",
    factor,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

function llama3Scaling(source: GgufSource, theta: number, ropeDims: number): Record<string, unknown> {
  const factors = source.readFloat32("rope_freqs.weight");
  const factor = factors.reduce((most, value) => Math.max(most, value), 1);
  const same =
    factors.length === ropeDims / 2 &&
    factors.every((value, i) => {
      const expected = llama3Factor(theta ** ((-2 * i) / ropeDims), factor);
      return Math.abs(value - expected) <= 1e-4 * expected;
    });
  if (!same) {
    throw new KvfoldError(
      "model-unsupported",
      `${source.path} scales its RoPE frequencies (rope_freqs.weight) in another way than Llama 3 (factor ${factor}, original context 8192); only that one is supported.`,
    );
  }
  return { rope_type: "llama3", factor, ...LLAMA3 };
}

/** By how much llama3 scaling divides a frequency (radians per token). */
export function llama3Factor(frequency: number, factor: number): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = LLAMA3;
  const turns = (context * frequency) / (2 * Math.PI); // full turns over the original context
  if (turns > high) return 1;
  if (turns < low) return factor;
  const smooth = (turns - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

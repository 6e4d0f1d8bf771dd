import { KvfoldError } from "@kvfold/core";
import { SIZE_LIMITS } from "../config/config-fields.js";
import type { GgufSource } from "../weights/open-gguf.js";
import { type GgufArchitecture, ggufArchitecture, ggufHeads } from "./gguf-architectures.js";
import { ggufRopeScaling } from "./gguf-rope-scaling.js";

/** llama.cpp's fixed pattern for SmolLM3: every fourth layer goes without RoPE. */
const SMOLLM3_NO_ROPE_INTERVAL = 4;

/**
 * The `config.json` that a GGUF file stands for, with Hugging Face's keys: sizes, RoPE (theta, scaling), special tokens, and
 * `tie_word_embeddings` when the file has no `output.weight`.
 *
 * @throws KvfoldError `gguf-metadata` when a size is absent or of the wrong type; `model-unsupported` for a RoPE scaling
 * that Hugging Face has no form for
 */
export function ggufToConfig(source: GgufSource): Record<string, unknown> {
  const { metadata, path } = source;
  const architecture = ggufArchitecture(metadata, path);
  const prefix = architecture.name;
  const heads = ggufHeads(metadata, architecture, path);
  const theta = metadata.number(`${prefix}.rope.freq_base`) ?? 10000;
  const ropeDims = metadata.number(`${prefix}.rope.dimension_count`) ?? heads.headDim;
  const layers = layerCount(source, prefix);
  const window = metadata.number(`${prefix}.attention.sliding_window`);
  const { modelType, className } = familyOf(architecture, window);
  return {
    architectures: [className],
    model_type: modelType,
    vocab_size: source.info("model.embed_tokens.weight").shape[0],
    hidden_size: metadata.requireNumber(`${prefix}.embedding_length`),
    intermediate_size: metadata.requireNumber(`${prefix}.feed_forward_length`),
    num_hidden_layers: layers,
    num_attention_heads: heads.queryHeads,
    num_key_value_heads: heads.kvHeads,
    head_dim: heads.headDim,
    hidden_act: "silu",
    max_position_embeddings: metadata.requireNumber(`${prefix}.context_length`),
    rms_norm_eps: metadata.requireNumber(`${prefix}.attention.layer_norm_rms_epsilon`),
    rope_theta: theta,
    rope_scaling: ggufRopeScaling(source, prefix, theta, ropeDims),
    ...(ropeDims === heads.headDim ? {} : { partial_rotary_factor: ropeDims / heads.headDim }),
    tie_word_embeddings: !source.has("lm_head.weight"),
    attention_bias: source.has("model.layers.0.self_attn.q_proj.bias"),
    mlp_bias: source.has("model.layers.0.mlp.gate_proj.bias"),
    ...(modelType === "mistral" ? { sliding_window: window } : {}),
    ...(modelType === "smollm3" ? smollm3Layers(layers) : {}),
    ...specialTokens(source),
  };
}

function layerCount({ metadata, path }: GgufSource, prefix: string): number {
  const layers = metadata.requireNumber(`${prefix}.block_count`);
  if (Number.isInteger(layers) && layers >= 1 && layers <= SIZE_LIMITS.layers.max) return layers;
  throw new KvfoldError(
    "gguf-metadata",
    `${path}: ${prefix}.block_count is ${layers}; 1 to ${SIZE_LIMITS.layers.max} are possible.`,
  );
}

/** Mistral's files say llama; a sliding window is what tells them apart. */
function familyOf(architecture: GgufArchitecture, window: number | undefined) {
  return architecture.name === "llama" && window !== undefined && window > 0
    ? { modelType: "mistral", className: "MistralForCausalLM" }
    : architecture;
}

/** 1 means RoPE is used. */
function smollm3Layers(layers: number): Record<string, unknown> {
  const interval = SMOLLM3_NO_ROPE_INTERVAL;
  return {
    no_rope_layer_interval: interval,
    no_rope_layers: Array.from({ length: layers }, (_, layer) => ((layer + 1) % interval === 0 ? 0 : 1)),
  };
}

function specialTokens({ metadata }: GgufSource): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [key, from] of [
    ["bos_token_id", "bos_token_id"],
    ["eos_token_id", "eos_token_id"],
    ["pad_token_id", "padding_token_id"],
  ] as const) {
    const id = metadata.number(`tokenizer.ggml.${from}`);
    if (id !== undefined) out[key] = id;
  }
  return out;
}

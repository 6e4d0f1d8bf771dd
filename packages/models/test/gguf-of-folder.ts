import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type StorageType, storageTypes } from "@kvfold/core";
import { openHfFolder } from "../src/weights/open-hf-folder.js";
import { encodeGguf, type Pair, type Tensor } from "./encode-gguf.js";

const PARTS: [RegExp, string][] = [
  [/^model\.embed_tokens/, "token_embd"],
  [/^model\.norm/, "output_norm"],
  [/^lm_head/, "output"],
  [/^model\.layers\.(\d+)\.input_layernorm/, "blk.$1.attn_norm"],
  [/^model\.layers\.(\d+)\.post_attention_layernorm/, "blk.$1.ffn_norm"],
  [/^model\.layers\.(\d+)\.self_attn\.([qkv])_proj/, "blk.$1.attn_$2"],
  [/^model\.layers\.(\d+)\.self_attn\.o_proj/, "blk.$1.attn_output"],
  [/^model\.layers\.(\d+)\.self_attn\.([qk])_norm/, "blk.$1.attn_$2_norm"],
  [/^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj/, "blk.$1.ffn_$2"],
];

interface FolderConfig {
  readonly model_type: string;
  readonly head_dim?: number;
  readonly sliding_window?: number;
  readonly [size: string]: unknown;
  readonly hidden_size: number;
  readonly num_attention_heads: number;
}

/**
 * Makes the GGUF file that llama.cpp's converter makes of a tiny Hugging Face folder: sizes as metadata, reversed shapes, q and
 * k rows interleaved for llama and smollm3.
 * @param storage of matrices whose rows are whole blocks; the rest is f32
 * @param extra further metadata (tokenizer)
 */
export function ggufOfFolder(
  folder: string,
  storage: StorageType = storageTypes.f32,
  extra: readonly Pair[] = [],
): Uint8Array {
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as FolderConfig;
  const prefix = config.model_type === "mistral" ? "llama" : config.model_type;
  const interleaved = prefix === "llama" || prefix === "smollm3";
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  using source = openHfFolder(folder);
  const tensors = source.names().map((name): Tensor => {
    const { shape } = source.info(name);
    let values = source.readFloat32(name);
    if (interleaved && /\.[qk]_proj\./.test(name)) values = interleaveRows(values, shape[0] as number, headDim);
    const packed = shape.length > 1 && (shape.at(-1) as number) % storage.blockValues === 0;
    const format = packed ? storage : storageTypes.f32;
    return { name: ggufName(name), ne: [...shape].reverse(), format, bytes: format.pack(values) };
  });
  const u32 = (key: string, value: unknown): Pair => ({ key: `${prefix}.${key}`, type: "u32", value });
  const pairs: Pair[] = [
    { key: "general.architecture", type: "string", value: prefix },
    u32("block_count", config.num_hidden_layers),
    u32("context_length", config.max_position_embeddings),
    u32("embedding_length", config.hidden_size),
    u32("feed_forward_length", config.intermediate_size),
    u32("attention.head_count", config.num_attention_heads),
    u32("attention.head_count_kv", config.num_key_value_heads),
    u32("attention.key_length", headDim),
    u32("rope.dimension_count", headDim),
    { key: `${prefix}.rope.freq_base`, type: "f32", value: config.rope_theta },
    { key: `${prefix}.attention.layer_norm_rms_epsilon`, type: "f32", value: config.rms_norm_eps },
    ...(config.sliding_window ? [u32("attention.sliding_window", config.sliding_window)] : []),
    { key: "tokenizer.ggml.bos_token_id", type: "u32", value: config.bos_token_id },
    { key: "tokenizer.ggml.eos_token_id", type: "u32", value: config.eos_token_id },
    { key: "tokenizer.ggml.padding_token_id", type: "u32", value: config.pad_token_id },
    ...extra,
  ];
  return encodeGguf(pairs, tensors);
}

function ggufName(name: string): string {
  const [pattern, replacement] = PARTS.find(([pattern]) => pattern.test(name)) ?? [];
  if (pattern === undefined || replacement === undefined) throw new Error(`no GGUF name for ${name}`);
  return name.replace(pattern, replacement);
}

/** Half-split RoPE rows (i, i + D/2) to interleaved ones (2i, 2i + 1), head by head. */
function interleaveRows(values: Float32Array, rows: number, headDim: number): Float32Array {
  const width = values.length / rows;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const within = row % headDim;
    const pair = within % (headDim / 2);
    const target = row - within + 2 * pair + (within < headDim / 2 ? 0 : 1);
    out.set(values.subarray(row * width, (row + 1) * width), target * width);
  }
  return out;
}

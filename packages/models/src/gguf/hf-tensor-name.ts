const TOP: Record<string, string> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

const LAYER: Record<string, string> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/**
 * Hugging Face name of a GGUF tensor: `blk.3.attn_q.weight` is `model.layers.3.self_attn.q_proj.weight`. A name without a
 * counterpart (`rope_freqs.weight`) stays as it is.
 */
export function hfTensorName(name: string): string {
  const layer = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name);
  const top = /^(\w+)\.(weight|bias)$/.exec(name);
  if (layer !== null) {
    const [, index, part, kind] = layer as unknown as [string, string, string, string];
    return Object.hasOwn(LAYER, part) ? `model.layers.${index}.${LAYER[part]}.${kind}` : name;
  }
  const part = top?.[1] ?? "";
  return Object.hasOwn(TOP, part) ? `${TOP[part]}.${top?.[2]}` : name;
}

/** GGUF name of a Hugging Face tensor, the other way round; undefined when there is none. */
export function ggufTensorName(name: string): string | undefined {
  const layer = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
  const top = /^(.+)\.(weight|bias)$/.exec(name);
  if (layer !== null) {
    const [, index, part, kind] = layer;
    const found = keyOf(LAYER, part);
    return found && `blk.${index}.${found}.${kind}`;
  }
  const found = keyOf(TOP, top?.[1]);
  return found && `${found}.${top?.[2]}`;
}

function keyOf(table: Readonly<Record<string, string>>, value: string | undefined): string | undefined {
  return Object.keys(table).find((key) => table[key] === value);
}

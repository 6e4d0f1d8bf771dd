import type { ModelConfig } from "@kvfold/models";

/** Names and shapes of all tensors of a model, in Hugging Face's names and layout (`[out, in]`), in the order of use. */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  const { hiddenSize, vocabSize } = config;
  const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [vocabSize, hiddenSize]]]);
  config.perLayer.forEach((_, i) => {
    for (const [name, shape] of layerShapes(config)) shapes.set(`model.layers.${i}.${name}`, shape);
  });
  shapes.set("model.norm.weight", [hiddenSize]);
  if (!config.tiedEmbeddings) shapes.set("lm_head.weight", [vocabSize, hiddenSize]);
  return shapes;
}

function layerShapes(config: ModelConfig): [string, readonly number[]][] {
  const { hiddenSize, intermediateSize, queryHeads, kvHeads, headDim } = config;
  const { attentionBias, mlpBias, qkNorm, extraNorms, fusedProjections } = config;
  const qSize = queryHeads * headDim;
  const kvSize = kvHeads * headDim;
  const linear = (name: string, out: number, inner: number, bias: boolean): [string, readonly number[]][] => [
    [`${name}.weight`, [out, inner]],
    ...(bias ? [[`${name}.bias`, [out]] as [string, number[]]] : []),
  ];
  const norm = (name: string, size = hiddenSize): [string, readonly number[]] => [`${name}.weight`, [size]];
  const attention = fusedProjections
    ? linear("self_attn.qkv_proj", qSize + 2 * kvSize, hiddenSize, false)
    : [
        ...linear("self_attn.q_proj", qSize, hiddenSize, attentionBias.qkv),
        ...linear("self_attn.k_proj", kvSize, hiddenSize, attentionBias.qkv),
        ...linear("self_attn.v_proj", kvSize, hiddenSize, attentionBias.qkv),
      ];
  const mlp = fusedProjections
    ? linear("mlp.gate_up_proj", 2 * intermediateSize, hiddenSize, false)
    : [
        ...linear("mlp.gate_proj", intermediateSize, hiddenSize, mlpBias),
        ...linear("mlp.up_proj", intermediateSize, hiddenSize, mlpBias),
      ];
  return [
    norm("input_layernorm"),
    ...attention,
    ...(qkNorm ? [norm("self_attn.q_norm", headDim), norm("self_attn.k_norm", headDim)] : []),
    ...linear("self_attn.o_proj", hiddenSize, qSize, attentionBias.o),
    norm("post_attention_layernorm"),
    ...(extraNorms ? [norm("pre_feedforward_layernorm"), norm("post_feedforward_layernorm")] : []),
    ...mlp,
    ...linear("mlp.down_proj", hiddenSize, intermediateSize, mlpBias),
  ];
}

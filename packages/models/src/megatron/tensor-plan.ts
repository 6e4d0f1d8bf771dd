import type { MegatronArgs } from "./megatron-args.js";

/** A row of a shard's tensor. */
export interface Place {
  readonly shard: number;
  readonly row: number;
}

/** How one tensor of a Hugging Face folder is put together from the shards of a Megatron checkpoint. */
export interface TensorPlan {
  /** Hugging Face name. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Names that the tensor may have in a shard: one of them is there. */
  readonly stored: readonly string[];
  /** Its shape in each shard. */
  readonly storedShape: readonly number[];
  /** Where a row lies; undefined: every shard holds a part of every row, in the order of the ranks. */
  readonly place: ((row: number) => Place) | undefined;
}

/**
 * The tensors of a Llama model, in the order of a Hugging Face folder. Megatron fuses and splits them:
 *
 * - `linear_qkv` holds, group by group, the rows of the group's query heads, of its key, of its value; a rank has whole groups
 * - `linear_fc1` of a rank holds its part of the gate, then its part of the up projection
 * - embedding and output are split by rows, `linear_proj` and `linear_fc2` by columns; norms are in every shard
 *
 * @param vocab rows to keep of the padded vocabulary
 */
export function tensorPlans(args: MegatronArgs, vocab: number): TensorPlan[] {
  const { layers, hiddenSize, paddedVocab, tensorParallel, tiedEmbeddings } = args;
  const vocabPart = paddedVocab / tensorParallel;
  const vocabulary = (name: string, stored: string): TensorPlan => ({
    name,
    shape: [vocab, hiddenSize],
    stored: [stored],
    storedShape: [vocabPart, hiddenSize],
    place: (row) => ({ shard: Math.floor(row / vocabPart), row: row % vocabPart }),
  });
  return [
    vocabulary("model.embed_tokens.weight", "embedding.word_embeddings.weight"),
    ...Array.from({ length: layers }, (_, layer) => layerPlans(args, layer)).flat(),
    norm("model.norm.weight", hiddenSize, ["decoder.final_layernorm.weight"]),
    ...(tiedEmbeddings ? [] : [vocabulary("lm_head.weight", "output_layer.weight")]),
  ];
}

function layerPlans(args: MegatronArgs, layer: number): TensorPlan[] {
  const { hiddenSize, intermediateSize, queryHeads, headDim, tensorParallel } = args;
  const to = `model.layers.${layer}`;
  const from = `decoder.layers.${layer}`;
  const columns = (name: string, stored: string, width: number): TensorPlan => ({
    name: `${to}.${name}.weight`,
    shape: [hiddenSize, width],
    stored: [`${from}.${stored}.weight`],
    storedShape: [hiddenSize, width / tensorParallel],
    place: undefined,
  });
  const mlpPart = intermediateSize / tensorParallel;
  const mlp = (name: string, start: number): TensorPlan => ({
    name: `${to}.mlp.${name}.weight`,
    shape: [intermediateSize, hiddenSize],
    stored: [`${from}.mlp.linear_fc1.weight`],
    storedShape: [2 * mlpPart, hiddenSize],
    place: (row) => ({ shard: Math.floor(row / mlpPart), row: start + (row % mlpPart) }),
  });
  return [
    // The Transformer Engine fuses a norm into the layer after it; Megatron's own layers keep it apart.
    norm(`${to}.input_layernorm.weight`, hiddenSize, [
      `${from}.self_attention.linear_qkv.layer_norm_weight`,
      `${from}.input_layernorm.weight`,
    ]),
    ...qkvPlans(args, `${to}.self_attn`, `${from}.self_attention.linear_qkv.weight`),
    columns("self_attn.o_proj", "self_attention.linear_proj", queryHeads * headDim),
    norm(`${to}.post_attention_layernorm.weight`, hiddenSize, [
      `${from}.mlp.linear_fc1.layer_norm_weight`,
      `${from}.pre_mlp_layernorm.weight`,
    ]),
    mlp("gate_proj", 0),
    mlp("up_proj", mlpPart),
    columns("mlp.down_proj", "mlp.linear_fc2", intermediateSize),
  ];
}

function norm(name: string, size: number, stored: readonly string[]): TensorPlan {
  return { name, shape: [size], stored, storedShape: [size], place: (row) => ({ shard: 0, row }) };
}

function qkvPlans(args: MegatronArgs, to: string, stored: string): TensorPlan[] {
  const { hiddenSize, queryHeads, kvHeads, headDim, tensorParallel } = args;
  const heads = queryHeads / kvHeads; // query heads of a group
  const groups = kvHeads / tensorParallel; // of a rank
  const groupRows = (heads + 2) * headDim;
  const plan = (name: string, perGroup: number, first: number, rotated: boolean): TensorPlan => ({
    name: `${to}.${name}.weight`,
    shape: [kvHeads * perGroup * headDim, hiddenSize],
    stored: [stored],
    storedShape: [groups * groupRows, hiddenSize],
    place(row) {
      const head = Math.floor(row / headDim);
      const group = Math.floor(head / perGroup);
      const channel = rotated ? storedChannel(args, row % headDim) : row % headDim;
      const within = (first + (head % perGroup)) * headDim + channel;
      return { shard: Math.floor(group / groups), row: (group % groups) * groupRows + within };
    },
  });
  return [plan("q_proj", heads, 0, true), plan("k_proj", 1, heads, true), plan("v_proj", 1, heads + 1, false)];
}

/** Channel of a checkpoint that rotates neighbours, for one of halves: channel `j * R/2 + i` is its `2 i + j`, j = 0, 1. */
function storedChannel({ rotaryInterleaved, rotaryPercent, headDim }: MegatronArgs, channel: number): number {
  const rotated = Math.trunc(headDim * rotaryPercent);
  if (!rotaryInterleaved || channel >= rotated) return channel;
  return 2 * (channel % (rotated / 2)) + Math.floor(channel / (rotated / 2));
}

import type { RetrofitConfig } from "../config/retrofit-config.js";
import { retrofitBlock } from "../config/retrofit-config.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { MegatronArgs, MegatronDmcArgs } from "./megatron-args.js";

/** Difference between 1 and the next number of a type: what Megatron adds to every importance. */
const EPSILON = { bf16: 2 ** -7, f16: 2 ** -10, f32: 2 ** -23 };

/** The fields of `config.json` for a model that Megatron trained. */
export function megatronConfig(
  args: MegatronArgs,
  retrofit: RetrofitConfig | undefined,
  { vocab, tokenizer }: { readonly vocab: number; readonly tokenizer: Pick<Tokenizer, "bosId" | "eosIds"> },
): Record<string, unknown> {
  const { bosId = null, eosIds } = tokenizer;
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: args.hiddenSize,
    intermediate_size: args.intermediateSize,
    num_hidden_layers: args.layers,
    num_attention_heads: args.queryHeads,
    num_key_value_heads: args.kvHeads,
    head_dim: args.headDim,
    hidden_act: "silu",
    vocab_size: vocab,
    max_position_embeddings: args.maxPositions,
    rms_norm_eps: args.normEpsilon,
    rope_theta: args.ropeTheta,
    ...(args.rotaryPercent === 1 ? {} : { partial_rotary_factor: args.rotaryPercent }),
    ...(args.ropeScalingFactor === undefined ? {} : { rope_scaling: llama3Scaling(args.ropeScalingFactor) }),
    tie_word_embeddings: args.tiedEmbeddings,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: bosId,
    eos_token_id: eosIds.length > 1 ? eosIds : (eosIds[0] ?? null),
    ...(retrofit === undefined ? {} : { kvfold: retrofitBlock(retrofit) }),
  };
}

/** Megatron fixes all but the factor, to the values of Llama 3.1. */
function llama3Scaling(factor: number): Record<string, unknown> {
  return {
    rope_type: "llama3",
    factor,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
}

/**
 * How a DMC checkpoint compresses: the branch `dmc` always takes the last channel, before RoPE, and decides for each KV head.
 *
 * @param iteration at which it was saved, for the ratio that training had reached
 * @param storage type of the weights, in which training computed
 */
export function megatronRetrofit(
  dmc: MegatronDmcArgs,
  iteration: number | undefined,
  storage: keyof typeof EPSILON,
): RetrofitConfig {
  return {
    method: "dmc",
    neuron: "last",
    offset: dmc.initVal,
    temperature: dmc.temperature,
    targetCompressionRatio: reachedRatio(dmc, iteration),
    layers: undefined,
    granularity: "head",
    importanceEpsilon: EPSILON[storage],
    window: dmc.windowSize === 0 ? undefined : dmc.windowSize,
  };
}

/** Retrofitting raises the ratio from 1 in equal steps; the last stage keeps it. Undefined when the arguments do not tell. */
function reachedRatio(
  { targetRatio, finetune, stageOne, trainIterations }: MegatronDmcArgs,
  iteration: number | undefined,
): number | undefined {
  if (stageOne) return 1;
  if (finetune) return targetRatio;
  if (iteration === undefined || trainIterations === undefined) return undefined;
  return 1 + (targetRatio - 1) * Math.min(1, Math.max(0, iteration) / trainIterations);
}

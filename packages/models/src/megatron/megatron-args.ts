import { ConfigFields, SIZE_LIMITS } from "../config/config-fields.js";
import { refuseUnsupported } from "./refuse-unsupported.js";

/** The arguments of a training run that say what its model is; see the record on Megatron checkpoints for their sources. */
export interface MegatronArgs {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly maxPositions: number;
  /** Rows of the embedding in all shards, padding included. */
  readonly paddedVocab: number;
  readonly tensorParallel: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  /** Share of a head's channels that are rotated. */
  readonly rotaryPercent: number;
  /** Pairs are neighbours, not halves of the head. */
  readonly rotaryInterleaved: boolean;
  /** Factor of Llama 3's scaling; undefined: none. */
  readonly ropeScalingFactor: number | undefined;
  readonly tiedEmbeddings: boolean;
  readonly dmc: MegatronDmcArgs | undefined;
}

/** What the scripts of the branch `dmc` add. */
export interface MegatronDmcArgs {
  readonly initVal: number;
  /** 0: none. */
  readonly windowSize: number;
  readonly temperature: number;
  /** Compression ratio that training aims at in the end. */
  readonly targetRatio: number;
  /** Whether it aims at it from the start. */
  readonly finetune: boolean;
  /** The neurons were being faded out; nothing is compressed yet. */
  readonly stageOne: boolean;
  /** Iterations over which the ratio rises; undefined when not stated. */
  readonly trainIterations: number | undefined;
}

/** Defaults of `arguments.py` of the branch `dmc`. */
export const RELEASED_DMC_ARGS: MegatronDmcArgs = {
  initVal: 5,
  windowSize: 12,
  temperature: 0.1,
  targetRatio: 4,
  finetune: false,
  stageOne: false,
  trainIterations: undefined,
};

/**
 * Reads and checks the namespace `args` of a checkpoint.
 *
 * @param json its attributes
 * @param where its name in messages
 * @throws KvfoldError `megatron-malformed` for missing or impossible values; `megatron-unsupported` for models that are no
 * Llama
 */
export function parseMegatronArgs(json: unknown, where: string): MegatronArgs {
  const fields = new ConfigFields(json, where, "megatron-malformed");
  refuseUnsupported(fields, where);
  const hiddenSize = fields.integer("hidden_size", undefined, SIZE_LIMITS.hidden);
  const queryHeads = fields.integer("num_attention_heads", undefined, SIZE_LIMITS.heads);
  const tensorParallel = fields.integer("tensor_model_parallel_size", 1, { min: 1, max: 1024 });
  const args: MegatronArgs = {
    layers: fields.integer("num_layers", undefined, SIZE_LIMITS.layers),
    hiddenSize,
    intermediateSize: fields.integer("ffn_hidden_size", undefined, SIZE_LIMITS.intermediate),
    queryHeads,
    // The flag decides: num_query_groups is 1 where it is not used.
    kvHeads: fields.boolean("group_query_attention", false)
      ? fields.integer("num_query_groups", undefined, SIZE_LIMITS.heads)
      : queryHeads,
    headDim: fields.integer("kv_channels", hiddenSize / queryHeads, SIZE_LIMITS.headDim),
    maxPositions: fields.integer("max_position_embeddings", undefined, SIZE_LIMITS.positions),
    paddedVocab: fields.integer("padded_vocab_size", undefined, SIZE_LIMITS.vocab),
    tensorParallel,
    normEpsilon: fields.number("norm_epsilon", undefined, { min: 0, max: 1 }),
    ropeTheta: fields.number("rotary_base", 10000, { min: 1 + 1e-6, max: 1e15 }),
    rotaryPercent: fields.number("rotary_percent", 1, { min: 0, max: 1 }),
    rotaryInterleaved: fields.boolean("rotary_interleaved", false),
    ropeScalingFactor: fields.boolean("use_rope_scaling", false)
      ? fields.number("rope_scaling_factor", 8, { min: 1, max: 1e6 })
      : undefined,
    tiedEmbeddings: !fields.boolean("untie_embeddings_and_output_weights", false),
    dmc: fields.has("dmc_init_val") ? parseDmcArgs(fields) : undefined,
  };
  checkDivisible(fields, args);
  return args;
}

function parseDmcArgs(fields: ConfigFields): MegatronDmcArgs {
  const { windowSize, temperature, targetRatio } = RELEASED_DMC_ARGS;
  return {
    initVal: fields.number("dmc_init_val", undefined, { min: -1000, max: 1000 }),
    windowSize: fields.integer("dmc_window_size", windowSize, { min: 0, max: 1 << 16 }),
    temperature: fields.number("dmc_temp", temperature, { min: 1e-6, max: 1e3 }),
    targetRatio: fields.number("dmc_cr", targetRatio, { min: 1, max: 1e4 }),
    finetune: fields.boolean("dmc_finetune", false),
    stageOne: fields.boolean("dmc_is_stage_one", false),
    trainIterations: fields.optionalNumber("train_iters", { min: 1, max: 1e9 }),
  };
}

/** Every rank holds whole heads, groups and rows. */
function checkDivisible(fields: ConfigFields, args: MegatronArgs): void {
  const { queryHeads, kvHeads, tensorParallel } = args;
  if (queryHeads % kvHeads !== 0) {
    fields.fail("num_query_groups", `is ${kvHeads}, which does not divide the ${queryHeads} attention heads`);
  }
  const split = [
    ["num_query_groups", kvHeads],
    ["ffn_hidden_size", args.intermediateSize],
    ["padded_vocab_size", args.paddedVocab],
  ] as const;
  for (const [key, size] of split) {
    if (size % tensorParallel !== 0) {
      fields.fail(key, `counts ${size}, which cannot be divided among ${tensorParallel} tensor-parallel ranks`);
    }
  }
}

import { type Activation, KvfoldError } from "@kvfold/core";
import { ARCHITECTURE_TABLE, type ArchitectureDefaults } from "./architectures.js";
import { ConfigFields, describeValue, SIZE_LIMITS } from "./config-fields.js";
import { layerRows } from "./layer-patterns.js";
import { ARCHITECTURES, type Architecture, type ModelConfig } from "./model-config.js";
import { parseRetrofit } from "./retrofit-config.js";
import { parseRope } from "./rope-config.js";

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_new: "gelu-tanh",
};

/**
 * Reads a Hugging Face `config.json` (transformers 4 or 5 spelling) into a {@link ModelConfig} with all defaults of its
 * model type resolved.
 *
 * @param json the parsed config
 * @param generationConfig the parsed `generation_config.json`, whose EOS ids are added to the config's
 * @throws KvfoldError `config-unsupported` for architectures and features that the decoder lacks (the message lists what is
 * supported), `config-malformed` for wrong types and impossible sizes
 */
export function parseConfig(json: unknown, generationConfig?: unknown): ModelConfig {
  const fields = new ConfigFields(json, "config.json");
  const architecture = readArchitecture(fields);
  refuseQuantised(fields);
  const { defaults, rules } = ARCHITECTURE_TABLE[architecture];

  const hiddenSize = fields.integer("hidden_size", defaults.hiddenSize, SIZE_LIMITS.hidden);
  const layers = fields.integer("num_hidden_layers", defaults.layers, SIZE_LIMITS.layers);
  const queryHeads = fields.integer("num_attention_heads", defaults.queryHeads, SIZE_LIMITS.heads);
  const kvHeads = fields.integerOrNull("num_key_value_heads", defaults.kvHeads, SIZE_LIMITS.heads) ?? queryHeads;
  if (queryHeads % kvHeads !== 0)
    fields.fail("num_key_value_heads", `is ${kvHeads}, which does not divide the ${queryHeads} attention heads`);
  const headDim = readHeadDim(fields, defaults.headDim, hiddenSize, queryHeads);
  const vocabSize = fields.integer("vocab_size", defaults.vocabSize, SIZE_LIMITS.vocab);
  const maxPositions = fields.integer("max_position_embeddings", defaults.maxPositions, SIZE_LIMITS.positions);
  const special = rules(fields, { layers, hiddenSize, headDim, maxPositions });

  return {
    architecture,
    hiddenSize,
    intermediateSize: fields.integer("intermediate_size", defaults.intermediateSize, SIZE_LIMITS.intermediate),
    layers,
    queryHeads,
    kvHeads,
    headDim,
    vocabSize,
    maxPositions,
    normEpsilon: fields.number("rms_norm_eps", defaults.normEpsilon, { min: 0, max: 1 }),
    tiedEmbeddings: fields.boolean("tie_word_embeddings", defaults.tiedEmbeddings),
    attentionBias: { qkv: false, o: false },
    mlpBias: false,
    qkNorm: false,
    activation: readActivation(fields, architecture),
    perLayer: layerRows(layers, () => ({})),
    rope: special.rope ?? parseRope(fields, { headDim, maxPositions, theta: defaults.theta }),
    ropeLocal: undefined,
    attentionScale: headDim ** -0.5,
    embeddingScale: 1,
    normWeightOffset: 0,
    extraNorms: false,
    fusedProjections: false,
    ...readTokenIds(fields, generationConfig, defaults, vocabSize),
    retrofit: parseRetrofit(fields, layers),
    ...special,
  };
}

/** Model type, from `model_type` or else from the class name in `architectures`. */
function readArchitecture(fields: ConfigFields): Architecture {
  const supported = `Supported model types: ${ARCHITECTURES.join(", ")}.`;
  const stated = fields.has("model_type") ? fields.string("model_type", undefined) : undefined;
  const className = fields.list("architectures")?.[0];
  const fromClass = typeof className === "string" ? className.replace(/ForCausalLM$/, "").toLowerCase() : undefined;
  const name = stated ?? (fromClass === "gemma3" ? "gemma3_text" : fromClass);
  if (name === undefined)
    throw new KvfoldError("config-malformed", `config.json has neither "model_type" nor "architectures". ${supported}`);
  const found = ARCHITECTURES.find((architecture) => architecture === name);
  if (found === undefined)
    throw new KvfoldError(
      "config-unsupported",
      `config.json: model type "${name.slice(0, 80)}" is not supported. ${supported}`,
    );
  return found;
}

function refuseQuantised(fields: ConfigFields): void {
  if (!fields.has("quantization_config")) return;
  const method = fields.nested("quantization_config").raw("quant_method");
  throw new KvfoldError(
    "config-unsupported",
    `config.json: the weights are quantised (${String(method).slice(0, 40)}), which this loader does not read. ` +
      "Use the unquantised folder (float32, float16 or bfloat16) or a GGUF file of the model.",
  );
}

function readHeadDim(fields: ConfigFields, fallback: number | null, hiddenSize: number, queryHeads: number): number {
  const stated = fields.integerOrNull("head_dim", fallback, SIZE_LIMITS.headDim);
  if (stated === null && hiddenSize % queryHeads !== 0)
    fields.fail(
      "hidden_size",
      `is ${hiddenSize}, not a multiple of the ${queryHeads} attention heads, and there is no "head_dim"`,
    );
  const headDim = stated ?? hiddenSize / queryHeads;
  // RoPE rotates pairs of channels.
  if (headDim % 2 !== 0) fields.fail("head_dim", `must be even, but is ${headDim}`);
  return headDim;
}

function readActivation(fields: ConfigFields, architecture: Architecture): Activation {
  const gemma = architecture === "gemma3_text";
  const key = gemma ? "hidden_activation" : "hidden_act";
  const name = fields.string(key, gemma ? "gelu_pytorch_tanh" : "silu");
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (activation === undefined) fields.fail(key, `is not supported; supported: ${Object.keys(ACTIVATIONS).join(", ")}`);
  return activation;
}

/** Ids of the config; a default that lies outside a small vocabulary is dropped, a stated one is an error. */
function readTokenIds(
  fields: ConfigFields,
  generationConfig: unknown,
  defaults: ArchitectureDefaults,
  vocabSize: number,
): { bosId: number | undefined; eosIds: readonly number[] } {
  const range = { min: 0, max: vocabSize - 1 };
  const inVocab = (id: number | null) => (id !== null && id < vocabSize ? id : null);
  const generation = new ConfigFields(generationConfig ?? {}, "generation_config.json");
  const bosId = fields.integerOrNull("bos_token_id", inVocab(defaults.bosId), range);
  const eosIds = new Set<number>();
  for (const source of [fields, generation]) {
    const value = source.raw("eos_token_id");
    const ids = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
    if (ids.length > 1000) source.fail("eos_token_id", `lists ${ids.length} ids`);
    for (const id of ids) {
      if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
        source.fail("eos_token_id", `must hold ids from 0 to ${vocabSize - 1}, but has ${describeValue(id)}`);
      eosIds.add(id);
    }
  }
  const fallback = inVocab(defaults.eosId);
  if (fields.raw("eos_token_id") === undefined && eosIds.size === 0 && fallback !== null) eosIds.add(fallback);
  return { bosId: bosId ?? undefined, eosIds: [...eosIds] };
}

import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "../config/model-config.js";
import { encodePair, type OutputValue } from "../gguf/encode-pair.js";
import { type GgufArchitecture, ggufArchitectureOf } from "../gguf/gguf-architectures.js";
import { LLAMA3, llama3Factor } from "../gguf/gguf-rope-scaling.js";

/** SmolLM3 in GGUF: llama.cpp knows which layers have no RoPE, every fourth. */
const SMOLLM3_NO_ROPE_INTERVAL = 4;

/**
 * The architecture that `config` is written as.
 * @throws KvfoldError `model-unsupported` when GGUF (or llama.cpp's reading of it) has no form for the model
 */
export function architectureFor(config: ModelConfig, path: string): GgufArchitecture {
  const { architecture, rope, perLayer, retrofit } = config;
  const found = ggufArchitectureOf(architecture);
  const refuse = (what: string) => new KvfoldError("model-unsupported", `${path} cannot be written as GGUF: ${what}.`);
  if (found === undefined) {
    throw refuse(
      `${architecture} is not among llama, mistral, qwen2, qwen3, smollm3; use llama.cpp's convert_hf_to_gguf.py`,
    );
  }
  if (retrofit !== undefined) {
    throw refuse(
      `it was retrofitted for ${retrofit.method.toUpperCase()}, which the format cannot say; keep it as a folder`,
    );
  }
  if (rope.scaling.type === "dynamic") throw refuse("llama.cpp has no dynamic RoPE scaling; use the folder as it is");
  if (rope.scaling.type === "llama3" && !isPublishedLlama3(rope.scaling)) {
    throw refuse("its llama3 RoPE scaling has other factors than Llama 3's (1, 4, 8192); use convert_hf_to_gguf.py");
  }
  if (found.interleavedRope && rope.rotaryDim !== rope.headDim) throw refuse("only a part of each head is rotated");
  if (architecture !== "mistral" && perLayer.some(({ slidingWindow }) => slidingWindow !== undefined)) {
    throw refuse(`sliding windows of ${architecture} have no form in it`);
  }
  const noRope = (layer: number) => architecture === "smollm3" && (layer + 1) % SMOLLM3_NO_ROPE_INTERVAL === 0;
  if (perLayer.some(({ useRope }, layer) => useRope === noRope(layer))) {
    throw refuse(`its layers without RoPE are not those that llama.cpp takes for ${architecture}`);
  }
  return found;
}

/** Metadata of a model's shape and rules. */
export function modelPairs(config: ModelConfig, { name: prefix }: GgufArchitecture, name: string): Uint8Array[] {
  const pair = (key: string, value: OutputValue) => encodePair(`${prefix}.${key}`, value);
  const [window] = config.perLayer.map(({ slidingWindow }) => slidingWindow);
  return [
    encodePair("general.architecture", { string: prefix }),
    encodePair("general.name", { string: name }),
    pair("vocab_size", { u32: config.vocabSize }),
    pair("context_length", { u32: config.maxPositions }),
    pair("embedding_length", { u32: config.hiddenSize }),
    pair("block_count", { u32: config.layers }),
    pair("feed_forward_length", { u32: config.intermediateSize }),
    pair("attention.head_count", { u32: config.queryHeads }),
    pair("attention.head_count_kv", { u32: config.kvHeads }),
    pair("attention.key_length", { u32: config.headDim }),
    pair("attention.value_length", { u32: config.headDim }),
    pair("attention.layer_norm_rms_epsilon", { f32: config.normEpsilon }),
    ...(window === undefined ? [] : [pair("attention.sliding_window", { u32: window })]),
    pair("rope.dimension_count", { u32: config.rope.rotaryDim }),
    pair("rope.freq_base", { f32: config.rope.theta }),
    ...scalingPairs(config, pair),
  ];
}

function scalingPairs({ rope }: ModelConfig, pair: (key: string, value: OutputValue) => Uint8Array): Uint8Array[] {
  const { scaling, maxPositions } = rope;
  if (scaling.type === "linear") {
    return [pair("rope.scaling.type", { string: "linear" }), pair("rope.scaling.factor", { f32: scaling.factor })];
  }
  if (scaling.type !== "yarn") return []; // llama3 is a tensor, see `ropeFrequencyFactors`
  const original = scaling.originalMaxPositions ?? maxPositions;
  // llama.cpp multiplies its own 1 + 0.1 ln(factor) by this number; Hugging Face states the product.
  const attention = scaling.attentionFactor && scaling.attentionFactor / (1 + 0.1 * Math.log(scaling.factor));
  const optional = { attn_factor: attention, yarn_beta_fast: scaling.betaFast, yarn_beta_slow: scaling.betaSlow };
  return [
    pair("rope.scaling.type", { string: "yarn" }),
    pair("rope.scaling.factor", { f32: scaling.factor }),
    pair("rope.scaling.original_context_length", { u32: original }),
    ...Object.entries(optional).flatMap(([key, value]) =>
      value === undefined ? [] : [pair(`rope.scaling.${key}`, { f32: value })],
    ),
  ];
}

function isPublishedLlama3(scaling: { lowFreqFactor: number; highFreqFactor: number; originalMaxPositions: number }) {
  return (
    scaling.lowFreqFactor === LLAMA3.low_freq_factor &&
    scaling.highFreqFactor === LLAMA3.high_freq_factor &&
    scaling.originalMaxPositions === LLAMA3.original_max_position_embeddings
  );
}

/** What llama3 scaling divides each frequency by: the tensor `rope_freqs.weight`. Undefined without that scaling. */
export function ropeFrequencyFactors({ rope }: ModelConfig): Float32Array | undefined {
  const { scaling, theta, rotaryDim } = rope;
  if (scaling.type !== "llama3") return undefined;
  return Float32Array.from({ length: rotaryDim / 2 }, (_, i) =>
    llama3Factor(theta ** ((-2 * i) / rotaryDim), scaling.factor),
  );
}

import { KvfoldError, quoted } from "@kvfold/core";
import type { GgufMetadata } from "./gguf-metadata.js";

/** What differs between the GGUF files of the supported architectures. */
export interface GgufArchitecture {
  /** `general.architecture`; also the prefix of the file's sizes (`llama.block_count`). */
  readonly name: string;
  /** `model_type` and class name that a Hugging Face config has for it. */
  readonly modelType: string;
  readonly className: string;
  /**
   * Whether the file holds the rows of q and k for interleaved RoPE (pairs 2i, 2i+1) instead of half-split (i, i + D/2):
   * true for llama.cpp's `LlamaModel` and its subclasses, which it converts with a permutation.
   */
  readonly interleavedRope: boolean;
}

const ARCHITECTURES: readonly GgufArchitecture[] = [
  { name: "llama", modelType: "llama", className: "LlamaForCausalLM", interleavedRope: true },
  { name: "qwen2", modelType: "qwen2", className: "Qwen2ForCausalLM", interleavedRope: false },
  { name: "qwen3", modelType: "qwen3", className: "Qwen3ForCausalLM", interleavedRope: false },
  { name: "smollm3", modelType: "smollm3", className: "SmolLM3ForCausalLM", interleavedRope: true },
];

/**
 * The architecture of a GGUF file.
 * @throws KvfoldError `model-unsupported` that names the supported ones
 */
export function ggufArchitecture(metadata: GgufMetadata, path: string): GgufArchitecture {
  const name = metadata.requireString("general.architecture");
  const architecture = ARCHITECTURES.find((one) => one.name === name);
  if (architecture === undefined) {
    const known = ARCHITECTURES.map((one) => one.name).join(", ");
    throw new KvfoldError(
      "model-unsupported",
      `${path} holds a model of architecture ${quoted(name)}; GGUF files of these are supported: ${known}.`,
    );
  }
  if ((metadata.number(`${name}.expert_count`) ?? 0) > 0) {
    throw new KvfoldError("model-unsupported", `${path} holds a mixture of experts; only dense models are supported.`);
  }
  return architecture;
}

/** The architecture that a Hugging Face `model_type` is written as; undefined when there is none. */
export function ggufArchitectureOf(modelType: string): GgufArchitecture | undefined {
  const name = modelType === "mistral" ? "llama" : modelType; // a sliding window tells them apart when read
  return ARCHITECTURES.find((one) => one.modelType === name);
}

/** Head counts and width, which the order of rows depends on too. */
export interface GgufHeads {
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Reads the head counts. @throws KvfoldError `gguf-metadata` when they are absent, uneven or do not fit the width */
export function ggufHeads(metadata: GgufMetadata, { name }: GgufArchitecture, path: string): GgufHeads {
  const queryHeads = uniform(metadata, `${name}.attention.head_count`, path);
  const kvHeads = metadata.has(`${name}.attention.head_count_kv`)
    ? uniform(metadata, `${name}.attention.head_count_kv`, path)
    : queryHeads;
  const headDim =
    metadata.number(`${name}.attention.key_length`) ?? metadata.requireNumber(`${name}.embedding_length`) / queryHeads;
  const whole = [queryHeads, kvHeads, headDim].every((value) => Number.isInteger(value) && value > 0);
  if (!whole || queryHeads % kvHeads !== 0 || headDim % 2 !== 0) {
    throw new KvfoldError(
      "gguf-metadata",
      `${path}: ${queryHeads} query heads, ${kvHeads} KV heads of width ${headDim} are not a possible attention (whole numbers, query heads a multiple of KV heads, even width).`,
    );
  }
  return { queryHeads, kvHeads, headDim };
}

/** A count that may be written once or once per layer; layers that differ are not supported. */
function uniform(metadata: GgufMetadata, key: string, path: string): number {
  const value = metadata.entries.get(key);
  if (!ArrayBuffer.isView(value)) return metadata.requireNumber(key);
  const counts = new Set(Array.from(metadata.numbers(key) ?? []));
  const [only] = counts;
  if (counts.size !== 1 || only === undefined) {
    throw new KvfoldError(
      "model-unsupported",
      `${path}: ${key} differs between layers (${[...counts]}); one count for all layers is supported.`,
    );
  }
  return only;
}

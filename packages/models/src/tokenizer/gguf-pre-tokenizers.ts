import { KvfoldError } from "@kvfold/core";
import type { TokenizerJson } from "./tokenizer-json.js";
import { GPT2_PATTERN, readNormalizers, readPreTokenizers, type StageJson } from "./tokenizer-stages.js";

/** What a `tokenizer.ggml.pre` name stands for, in the terms of a `tokenizer.json`. */
export interface GgufPreTokenizer {
  readonly stages: readonly StageJson[];
  /** Qwen composes characters before it splits. */
  readonly normalizer: StageJson | null;
  /** Llama 3 takes a word that is a token as it is, without merging up to it. */
  readonly ignoreMerges: boolean;
  /** Whether BOS goes before a text when the file does not say. */
  readonly addBos: boolean;
}

const isolated = (regex: string): StageJson => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: "Isolated",
  invert: false,
});
const BYTES: StageJson = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };

/** The cl100k pattern (tiktoken) as Llama 3 and Qwen use it; they differ in how many digits form a word. */
const cl100k = (digits: string) =>
  isolated(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
      `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  );

const PLAIN = { normalizer: null, ignoreMerges: false, addBos: false };
const GPT2: GgufPreTokenizer = { ...PLAIN, stages: [isolated(GPT2_PATTERN), BYTES] };
const SMOLLM: GgufPreTokenizer = { ...PLAIN, stages: [isolated("\\p{N}"), isolated(GPT2_PATTERN), BYTES] };
const LLAMA3: GgufPreTokenizer = {
  ...PLAIN,
  stages: [cl100k("\\p{N}{1,3}"), BYTES],
  ignoreMerges: true,
  addBos: true,
};
const QWEN2: GgufPreTokenizer = { ...PLAIN, stages: [cl100k("\\p{N}"), BYTES], normalizer: { type: "NFC" } };

const TABLE: Readonly<Record<string, GgufPreTokenizer>> = {
  "gpt-2": GPT2,
  smollm: SMOLLM,
  "llama-bpe": LLAMA3,
  llama3: LLAMA3,
  "llama-v3": LLAMA3,
  qwen2: QWEN2,
  "deepseek-r1-qwen": QWEN2,
};

/**
 * Looks up `tokenizer.ggml.pre`.
 *
 * @throws KvfoldError `tokenizer-unsupported`: splitting text otherwise than in training silently ruins a model
 */
export function ggufPreTokenizer(name: string | undefined): GgufPreTokenizer {
  const found = name !== undefined && Object.hasOwn(TABLE, name) ? TABLE[name] : undefined;
  if (found !== undefined) return found;
  const problem =
    name === undefined
      ? "the file names no pre-tokenizer (tokenizer.ggml.pre), as files of 2023 do; convert the model again"
      : `pre-tokenizer "${name.slice(0, 40)}" is not supported`;
  throw new KvfoldError("tokenizer-unsupported", `GGUF: ${problem}. Supported: ${Object.keys(TABLE).join(", ")}.`);
}

/** The `tokenizer.ggml.pre` name that cuts text as `json` does; undefined when none does. */
export function ggufPreTokenizerName(json: TokenizerJson): string | undefined {
  const { normalizer, preTokenizer, model } = json;
  const rules = rulesOf(normalizer, preTokenizer, model.ignore_merges);
  return Object.keys(TABLE).find((name) => {
    const { normalizer, stages, ignoreMerges } = TABLE[name] as GgufPreTokenizer;
    return rulesOf(normalizer, { type: "Sequence", pretokenizers: stages }, ignoreMerges) === rules;
  });
}

/** Stages in the engine's own spelling, so that one rule has one text. */
function rulesOf(normalizer: unknown, preTokenizer: unknown, ignoreMerges: boolean): string {
  const normalizers = readNormalizers(normalizer);
  return JSON.stringify([normalizers, readPreTokenizers(preTokenizer, normalizers), ignoreMerges]);
}

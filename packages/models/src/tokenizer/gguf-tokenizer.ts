import { KvfoldError } from "@kvfold/core";
import type { GgufMetadata } from "../gguf/gguf-metadata.js";
import { createTokenizer } from "./create-tokenizer.js";
import { ggufPreTokenizer } from "./gguf-pre-tokenizers.js";
import { sentencePieceMerges } from "./sentencepiece-merges.js";
import type { Tokenizer } from "./tokenizer.js";
import { parseTokenizerConfig } from "./tokenizer-config.js";

/** `tokenizer.ggml.token_type`. */
const TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The vocabulary part of GGUF metadata, checked. */
interface GgufVocabulary {
  readonly model: "gpt2" | "llama";
  readonly tokens: readonly string[];
  readonly types: ArrayLike<number>;
}

/**
 * Tokenizer of a GGUF file: its metadata is turned into a `tokenizer.json`, so that GGUF files and folders share one engine.
 *
 * @throws KvfoldError `tokenizer-unsupported` for other vocabularies than byte-level BPE and SentencePiece BPE,
 * `tokenizer-malformed` or `gguf-metadata` for damaged ones
 */
export function tokenizerFromGguf(metadata: GgufMetadata): Tokenizer {
  const config = parseTokenizerConfig(ggufToTokenizerConfig(metadata), "GGUF metadata");
  const { tokens } = readVocabulary(metadata);
  const eosTokens = ["eos", "eot", "eom"].flatMap((role) => tokenOf(metadata, tokens, role) ?? []);
  return createTokenizer(ggufToTokenizerJson(metadata), { ...config, eosTokens: [...new Set(eosTokens)] });
}

/** The `tokenizer.json` that a GGUF file's metadata describe. */
export function ggufToTokenizerJson(metadata: GgufMetadata): Record<string, unknown> {
  const vocabulary = readVocabulary(metadata);
  const { stages, ...model } = vocabulary.model === "gpt2" ? byteLevel(metadata) : sentencePiece(metadata, vocabulary);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    ...stages,
    post_processor: specialTemplate(metadata, vocabulary),
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      ...model,
      vocab: Object.fromEntries(vocabulary.tokens.map((token, id) => [token, id])),
    },
  };
}

/** The `tokenizer_config.json` that a GGUF file's metadata describe: special tokens and the chat template. */
export function ggufToTokenizerConfig(metadata: GgufMetadata): Record<string, unknown> {
  const { tokens } = readVocabulary(metadata);
  const template = metadata.string("tokenizer.chat_template");
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: tokenOf(metadata, tokens, "bos") ?? null,
    eos_token: tokenOf(metadata, tokens, "eos") ?? null,
    unk_token: tokenOf(metadata, tokens, "unknown") ?? null,
    pad_token: tokenOf(metadata, tokens, "padding") ?? null,
    add_bos_token: addsBos(metadata),
    clean_up_tokenization_spaces: false,
    ...(template === undefined ? {} : { chat_template: template }),
  };
}

function readVocabulary(metadata: GgufMetadata): GgufVocabulary {
  const model = metadata.requireString("tokenizer.ggml.model");
  if (model !== "gpt2" && model !== "llama")
    throw new KvfoldError(
      "tokenizer-unsupported",
      `GGUF: tokenizer model "${model.slice(0, 40)}" is not supported. Supported: gpt2 (byte-level BPE), llama (SentencePiece BPE).`,
    );
  const tokens = metadata.requireStrings("tokenizer.ggml.tokens");
  if (new Set(tokens).size !== tokens.length)
    throw new KvfoldError("tokenizer-malformed", "GGUF: tokenizer.ggml.tokens lists a token twice.");
  const types = metadata.numbers("tokenizer.ggml.token_type") ?? new Int32Array(tokens.length).fill(TYPE.normal);
  requireLength("token_type", types.length, tokens.length);
  return { model, tokens, types };
}

function byteLevel(metadata: GgufMetadata) {
  const pre = ggufPreTokenizer(metadata.string("tokenizer.ggml.pre"));
  return {
    stages: {
      normalizer: pre.normalizer,
      pre_tokenizer: { type: "Sequence", pretokenizers: pre.stages },
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    },
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: pre.ignoreMerges,
    merges: metadata.requireStrings("tokenizer.ggml.merges"),
  };
}

function sentencePiece(metadata: GgufMetadata, { tokens, types }: GgufVocabulary) {
  const scores = metadata.numbers("tokenizer.ggml.scores");
  if (scores === undefined)
    throw new KvfoldError(
      "tokenizer-malformed",
      "GGUF: a llama vocabulary needs tokenizer.ggml.scores, which is missing.",
    );
  requireLength("scores", scores.length, tokens.length);
  const pieces = tokens.map((token, id) => ({ token, score: scores[id] as number }));
  const prefix = metadata.boolean("tokenizer.ggml.add_space_prefix") ?? true;
  const space = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const unspace = { type: "Replace", pattern: { String: "▁" }, content: " " };
  return {
    stages: {
      normalizer: { type: "Sequence", normalizers: prefix ? [{ type: "Prepend", prepend: "▁" }, space] : [space] },
      pre_tokenizer: null,
      decoder: {
        type: "Sequence",
        decoders: [
          unspace,
          { type: "ByteFallback" },
          { type: "Fuse" },
          ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
        ],
      },
    },
    unk_token: tokenOf(metadata, tokens, "unknown") ?? null,
    fuse_unk: true,
    byte_fallback: Array.prototype.includes.call(types, TYPE.byte),
    ignore_merges: false,
    merges: sentencePieceMerges(pieces.filter((_, id) => types[id] === TYPE.normal || types[id] === TYPE.userDefined)),
  };
}

function addedTokens({ tokens, types }: GgufVocabulary): object[] {
  return tokens.flatMap((content, id) => {
    const special = types[id] === TYPE.control || types[id] === TYPE.unknown;
    if (!special && types[id] !== TYPE.userDefined) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
}

/** BOS and EOS around a text, where the file asks for them. */
function specialTemplate(metadata: GgufMetadata, { tokens }: GgufVocabulary): object | null {
  const bos = addsBos(metadata) ? tokenOf(metadata, tokens, "bos") : undefined;
  const eos = metadata.boolean("tokenizer.ggml.add_eos_token") === true ? tokenOf(metadata, tokens, "eos") : undefined;
  if (bos === undefined && eos === undefined) return null;
  const special = (token: string | undefined) =>
    token === undefined ? [] : [{ SpecialToken: { id: token, type_id: 0 } }];
  const single = [...special(bos), { Sequence: { id: "A", type_id: 0 } }, ...special(eos)];
  const used = [bos, eos].filter((token) => token !== undefined);
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: Object.fromEntries(
      used.map((token) => [token, { id: token, ids: [tokens.indexOf(token)], tokens: [token] }]),
    ),
  };
}

/** SentencePiece vocabularies add BOS unless the file says otherwise, byte-level ones depending on their family. */
function addsBos(metadata: GgufMetadata): boolean {
  const stated = metadata.boolean("tokenizer.ggml.add_bos_token");
  if (stated !== undefined) return stated;
  return (
    metadata.string("tokenizer.ggml.model") === "llama" ||
    ggufPreTokenizer(metadata.string("tokenizer.ggml.pre")).addBos
  );
}

/** Token of a role such as `bos`, from `tokenizer.ggml.<role>_token_id`. */
function tokenOf(metadata: GgufMetadata, tokens: readonly string[], role: string): string | undefined {
  const key = `tokenizer.ggml.${role}_token_id`;
  const id = metadata.number(key);
  if (id === undefined) return undefined;
  const token = tokens[id];
  if (token === undefined)
    throw new KvfoldError("tokenizer-malformed", `GGUF: ${key} is ${id}, but there are ${tokens.length} tokens.`);
  return token;
}

function requireLength(key: string, length: number, tokens: number): void {
  if (length !== tokens)
    throw new KvfoldError(
      "tokenizer-malformed",
      `GGUF: tokenizer.ggml.${key} has ${length} entries for ${tokens} tokens.`,
    );
}

import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "../config/model-config.js";
import { encodePair, type OutputValue } from "../gguf/encode-pair.js";
import { ggufPreTokenizerName } from "../tokenizer/gguf-pre-tokenizers.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { TokenizerJson } from "../tokenizer/tokenizer-json.js";

/** `tokenizer.ggml.token_type`. */
const TYPE = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

/**
 * Metadata of a byte-level BPE tokenizer.
 * @param path of the model, for messages
 * @throws KvfoldError `tokenizer-unsupported` for SentencePiece, and for ways of cutting text that llama.cpp has no name for
 */
export function tokenizerPairs(
  json: TokenizerJson,
  tokenizer: Tokenizer,
  config: ModelConfig,
  path: string,
): Uint8Array[] {
  const pair = (key: string, value: OutputValue) => encodePair(`tokenizer.${key}`, value);
  const id = (role: string, value: number | undefined) =>
    value === undefined ? [] : [pair(`ggml.${role}_token_id`, { u32: value })];
  const { tokens, types } = vocabulary(json, config.vocabSize);
  const [eos, eot, eom] = new Set([...tokenizer.eosIds, ...config.eosIds]);
  const sample = tokenizer.encode("a");
  const template = tokenizer.chatTemplates.get("default");
  return [
    pair("ggml.model", { string: "gpt2" }),
    pair("ggml.pre", { string: preTokenizer(json, path) }),
    pair("ggml.tokens", { strings: tokens }),
    pair("ggml.token_type", { ints: types }),
    pair("ggml.merges", { strings: json.model.merges.map((parts) => parts.join(" ")) }),
    ...id("bos", tokenizer.bosId ?? config.bosId),
    ...id("eos", eos),
    // Further ids that end a text; a reader need not know which of them ends a turn.
    ...id("eot", eot),
    ...id("eom", eom),
    pair("ggml.add_bos_token", { bool: tokenizer.bosId !== undefined && sample[0] === tokenizer.bosId }),
    pair("ggml.add_eos_token", { bool: eos !== undefined && sample.at(-1) === eos }),
    ...(template === undefined ? [] : [pair("chat_template", { string: template })]),
  ];
}

function preTokenizer(json: TokenizerJson, path: string): string {
  const name = ggufPreTokenizerName(json);
  if (name !== undefined) return name;
  const why = JSON.stringify(json.decoder).includes("ByteLevel")
    ? "its tokenizer cuts text in a way that has no name there"
    : "its tokenizer.json is not byte-level BPE, and holds no scores, which a SentencePiece vocabulary needs there";
  throw new KvfoldError(
    "tokenizer-unsupported",
    `${path} cannot be written as GGUF: ${why}. Make the file with llama.cpp's convert_hf_to_gguf.py; kvfold can then change its types.`,
  );
}

/** Spelling and type of every id that the model has a row for; ids without a token are named as llama.cpp's converter does. */
function vocabulary({ tokens: known, addedTokens }: TokenizerJson, size: number) {
  const tokens = Array.from({ length: size }, (_, id) => known[id] ?? `[PAD${id}]`);
  const types = Int32Array.from(tokens, (_, id) => (known[id] === undefined ? TYPE.unused : TYPE.normal));
  for (const { id, special } of addedTokens) types[id] = special ? TYPE.control : TYPE.userDefined;
  return { tokens, types };
}

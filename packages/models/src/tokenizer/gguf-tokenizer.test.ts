import { KvfoldError } from "@kvfold/core";
import { describe, expect, it } from "vitest";
import { GgufMetadata, type GgufValue } from "../gguf/gguf-metadata.js";
import { BYTE_CHARACTERS } from "./byte-level-alphabet.js";
import { createTokenizer } from "./create-tokenizer.js";
import { ggufToTokenizerConfig, ggufToTokenizerJson, tokenizerFromGguf } from "./gguf-tokenizer.js";
import { parseTokenizerConfig } from "./tokenizer-config.js";

const metadata = (pairs: Record<string, GgufValue>) =>
  new GgufMetadata(new Map(Object.entries(pairs).map(([key, value]) => [`tokenizer.${key}`, value])), "test.gguf");

const specials = ["<|end|>", "<|im_start|>", "<|tool|>"];
/** Byte-level vocabulary with the merges that tell the pre-tokenizers apart. */
function bpe(pre: string | undefined, extra: Record<string, GgufValue> = {}): Record<string, GgufValue> {
  const merges = ["1 2", "12 3", "123 4", "Ġ a", "1 ,", "h i", "' S"];
  const tokens = [...BYTE_CHARACTERS, ...merges.map((merge) => merge.replace(" ", "")), ...specials];
  const types = new Int32Array(tokens.length).fill(1);
  types.fill(3, tokens.length - 3, tokens.length - 1);
  types[tokens.length - 1] = 4;
  return {
    "ggml.model": "gpt2",
    "ggml.tokens": tokens,
    "ggml.token_type": types,
    "ggml.merges": merges,
    "ggml.eos_token_id": tokens.indexOf("<|end|>"),
    "ggml.bos_token_id": tokens.indexOf("<|im_start|>"),
    ...(pre === undefined ? {} : { "ggml.pre": pre }),
    ...extra,
  };
}

const spelling = (pairs: Record<string, GgufValue>, text: string) => {
  const tokenizer = tokenizerFromGguf(metadata(pairs));
  return [...tokenizer.encode(text, { addSpecialTokens: false })].map((id) => tokenizer.idToToken(id));
};

describe("byte-level BPE from GGUF", () => {
  it.each([
    ["gpt-2", ["1234"]],
    ["smollm", ["1", "2", "3", "4"]],
    ["llama-bpe", ["123", "4"]],
    ["qwen2", ["1", "2", "3", "4"]],
  ])("%s cuts digits its own way", (pre, expected) => {
    expect(spelling(bpe(pre), "1234")).toEqual(expected);
  });

  it("knows contractions of both cases only where the family does", () => {
    expect(spelling(bpe("llama-bpe"), "hi'S")).toEqual(["hi", "'S"]);
    expect(spelling(bpe("gpt-2"), "hi'S")).toEqual(["hi", "'", "S"]);
  });

  it("composes characters for Qwen only", () => {
    expect(spelling(bpe("qwen2"), "e\u0301")).toEqual(["Ã", "©"]);
    expect(spelling(bpe("gpt-2"), "e\u0301")).toEqual(["e", "Ì", "ģ"]);
  });

  it("takes BOS from the file, else from the family", () => {
    const first = (pairs: Record<string, GgufValue>) => {
      const tokenizer = tokenizerFromGguf(metadata(pairs));
      return tokenizer.idToToken(tokenizer.encode("hi")[0] as number);
    };
    expect(first(bpe("gpt-2"))).toBe("hi");
    expect(first(bpe("llama-bpe"))).toBe("<|im_start|>");
    expect(first(bpe("llama-bpe", { "ggml.add_bos_token": false }))).toBe("hi");
    expect(first(bpe("gpt-2", { "ggml.add_bos_token": true }))).toBe("<|im_start|>");
  });

  it("tells control tokens from user-defined ones and collects every end id", () => {
    const pairs = bpe("gpt-2", { "ggml.eot_token_id": 258, chat_template: "{{ bos_token }}" });
    const tokenizer = tokenizerFromGguf(metadata(pairs));
    expect([...tokenizer.specialIds].map((id) => tokenizer.idToToken(id))).toEqual(["<|end|>", "<|im_start|>"]);
    expect(tokenizer.eosIds).toEqual([tokenizer.tokenToId("<|end|>"), 258]);
    expect(tokenizer.chatTemplates.get("default")).toBe("{{ bos_token }}");
    const plain = tokenizer.encode("<|tool|><|end|>", { parseSpecialTokens: false });
    expect(plain[0]).toBe(tokenizer.tokenToId("<|tool|>"));
    expect(plain).toHaveLength(8);
  });

  it("survives the way through JSON text", () => {
    const source = metadata(bpe("smollm"));
    const viaText = createTokenizer(
      JSON.parse(JSON.stringify(ggufToTokenizerJson(source))),
      parseTokenizerConfig(JSON.parse(JSON.stringify(ggufToTokenizerConfig(source)))),
    );
    const direct = tokenizerFromGguf(source);
    const text = "hi <|im_start|> 1234 a'S é";
    expect(viaText.encode(text)).toEqual(direct.encode(text));
    expect(viaText).toMatchObject({ vocabSize: direct.vocabSize, bosId: direct.bosId, eosIds: direct.eosIds });
  });
});

describe("SentencePiece from GGUF", () => {
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
  const pieces = ["▁h", "hi", "▁hi", "▁", "h", "i"];
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...pieces];
  const pairs = (extra: Record<string, GgufValue> = {}): Record<string, GgufValue> => ({
    "ggml.model": "llama",
    "ggml.tokens": tokens,
    "ggml.token_type": Int32Array.from(tokens, (_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    "ggml.scores": Float32Array.from(tokens, (_, id) => (id < 259 ? 0 : 259 - id)),
    "ggml.bos_token_id": 1,
    "ggml.eos_token_id": 2,
    "ggml.unknown_token_id": 0,
    ...extra,
  });

  it("derives the merges from the scores", () => {
    const json = ggufToTokenizerJson(metadata(pairs())) as { model: { merges: string[] } };
    expect(json.model.merges).toEqual(["▁ h", "h i", "▁h i", "▁ hi"]);
  });

  it("prefixes a space, adds BOS, falls back to bytes and decodes to the text", () => {
    const tokenizer = tokenizerFromGguf(metadata(pairs()));
    const ids = tokenizer.encode("hi hié");
    expect([...ids].map((id) => tokenizer.idToToken(id))).toEqual(["<s>", "▁hi", "▁hi", "<0xC3>", "<0xA9>"]);
    expect(tokenizer.decode(ids)).toBe("hi hié");
  });

  it("leaves the space out when the file says so", () => {
    const tokenizer = tokenizerFromGguf(
      metadata(pairs({ "ggml.add_space_prefix": false, "ggml.add_bos_token": false })),
    );
    const ids = tokenizer.encode("hi hi");
    expect([...ids].map((id) => tokenizer.idToToken(id))).toEqual(["hi", "▁hi"]);
    expect(tokenizer.decode(ids)).toBe("hi hi");
    expect(tokenizer.stripsLeadingSpace).toBe(false);
  });

  it.each<[string, Record<string, GgufValue>, RegExp]>([
    ["another vocabulary", { "ggml.model": "bert" }, /"bert" is not supported. Supported: gpt2/],
    ["no scores", { "ggml.scores": "x" }, /should be a list of numbers/],
    ["too few scores", { "ggml.scores": new Float32Array(3) }, /scores has 3 entries for 265 tokens/],
    ["an id out of range", { "ggml.bos_token_id": 9999 }, /bos_token_id is 9999, but there are 265 tokens/],
    ["a token twice", { "ggml.tokens": [...tokens.slice(1), "</s>"] }, /lists a token twice/],
  ])("refuses %s", (_, extra, message) => {
    expect(() => tokenizerFromGguf(metadata(pairs(extra)))).toThrow(message);
    expect(() => tokenizerFromGguf(metadata(pairs(extra)))).toThrow(KvfoldError);
  });
});

describe("GGUF without a known pre-tokenizer", () => {
  it("is refused with the list of known ones", () => {
    expect(() => tokenizerFromGguf(metadata(bpe("tekken")))).toThrow(
      /"tekken" is not supported. Supported: gpt-2, smollm/,
    );
    expect(() => tokenizerFromGguf(metadata(bpe(undefined)))).toThrow(/names no pre-tokenizer/);
    expect(() => tokenizerFromGguf(metadata(bpe("toString")))).toThrow(/"toString" is not supported/);
  });
});

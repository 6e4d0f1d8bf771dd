import { KvfoldError } from "@kvfold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BYTE_CHARACTERS } from "./byte-level-alphabet.js";
import { createTokenizer } from "./create-tokenizer.js";
import type { Tokenizer } from "./tokenizer.js";
import { parseTokenizerConfig } from "./tokenizer-config.js";

/** A byte-level vocabulary: 256 bytes, four merged tokens, two special tokens and one ordinary added token. */
const merges = ["h e", "l l", "he ll", "hell o"];
const byteVocab = Object.fromEntries(
  [...BYTE_CHARACTERS, ...merges.map((merge) => merge.replace(" ", ""))].map((token, id) => [token, id]),
);
const byteLevel = {
  version: "1.0",
  added_tokens: [
    { id: 260, content: "<|start|>", special: true },
    { id: 261, content: "<|end|>", special: true },
    { id: 262, content: "<tool>", special: false },
  ],
  normalizer: null,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Digits", individual_digits: true },
      { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    ],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<|start|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    special_tokens: { "<|start|>": { id: "<|start|>", ids: [260], tokens: ["<|start|>"] } },
  },
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", vocab: byteVocab, merges },
};

/** A SentencePiece vocabulary with byte fallback. */
const pieces = [
  "<unk>",
  "<s>",
  "</s>",
  ...Array.from({ length: 256 }, (_, b) => `<0x${hex(b)}>`),
  "▁",
  "h",
  "i",
  "▁h",
  "▁hi",
];
const sentencePiece = {
  added_tokens: [0, 1, 2].map((id) => ({ id, content: pieces[id], special: true })),
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    byte_fallback: true,
    fuse_unk: true,
    vocab: Object.fromEntries(pieces.map((token, id) => [token, id])),
    merges: ["▁ h", "▁h i"],
  },
};

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

const plainConfig = parseTokenizerConfig({});
const bytes = createTokenizer(byteLevel, parseTokenizerConfig({ bos_token: "<|start|>", eos_token: "<|end|>" }));
const spm = createTokenizer(sentencePiece, parseTokenizerConfig({ bos_token: "<s>", add_bos_token: true }));
const list = (tokens: Int32Array) => [...tokens];

describe("byte-level BPE", () => {
  it("merges, adds special tokens and reads them only when told to", () => {
    expect(list(bytes.encode("hello"))).toEqual([260, 259]);
    expect(list(bytes.encode("hello", { addSpecialTokens: false }))).toEqual([259]);
    const options = { addSpecialTokens: false };
    expect(list(bytes.encode("<|start|>hello<|end|>", options))).toEqual([260, 259, 261]);
    const spelled = bytes.encode("<|end|><tool>", { ...options, parseSpecialTokens: false });
    expect(list(spelled)).not.toContain(261);
    expect(list(spelled)).toContain(262);
    expect(bytes.decode(spelled)).toBe("<|end|><tool>");
    expect(list(bytes.encode("<|end|>", { ...options, parseSpecialTokens: false }))).toHaveLength(7);
  });

  it("knows its ids", () => {
    expect(bytes).toMatchObject({ vocabSize: 263, bosId: 260, eosIds: [261], stripsLeadingSpace: false });
    expect([...bytes.specialIds]).toEqual([260, 261]);
    expect([bytes.idToToken(259), bytes.tokenToId("hello"), bytes.idToToken(900)]).toEqual(["hello", 259, undefined]);
    expect([...bytes.tokenBytes(10)]).toEqual([10]);
  });

  it("spells back any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, parseSpecialTokens) => {
        const tokens = bytes.encode(text, { addSpecialTokens: false, parseSpecialTokens });
        expect(bytes.decode(tokens, { skipSpecialTokens: false })).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it("turns broken UTF-8 and lone surrogates into U+FFFD", () => {
    expect(bytes.decode([0xe4, 0xbd])).toBe("\ufffd");
    expect(bytes.decode(bytes.encode("a\ud800b"))).toBe("a\ufffdb");
  });

  // The next two fail with the engine's own Digits and ByteLevel stages; the reference engine does as stated here.
  it("splits digits of every script", () => {
    const half = "Â½";
    expect(list(withPairToken(half).encode("½½"))).toEqual([256, 256]);
  });

  it("treats U+0085 as a space", () => {
    const nextLine = `Â${BYTE_CHARACTERS[0x85]}`;
    expect(list(withPairToken(nextLine).encode("\u0085\u0085x"))).toEqual([256, 256, 0x78]);
  });

  it("decodes padding ids to nothing and refuses impossible ones", () => {
    expect(bytes.decode([259, 5000])).toBe("hello");
    expect(() => bytes.decode([-1])).toThrow(/whole numbers from 0, but got -1/);
    expect(() => bytes.decode([Number.NaN])).toThrow(KvfoldError);
  });

  it("encodes long texts without a word border in reasonable time", () => {
    const start = performance.now();
    expect(bytes.encode("x".repeat(200_000)).length).toBe(200_001);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

/** Byte vocabulary with a two-byte character as token 256 and the same character twice as token 257. */
function withPairToken(character: string): Tokenizer {
  const [first, second] = character;
  const vocab = Object.fromEntries(
    [...BYTE_CHARACTERS, character, character + character].map((token, id) => [token, id]),
  );
  const model = { type: "BPE", vocab, merges: [`${first} ${second}`, `${character} ${character}`] };
  return createTokenizer({ ...byteLevel, added_tokens: [], post_processor: null, model }, plainConfig);
}

describe("SentencePiece BPE", () => {
  it("prefixes a space, falls back to bytes, and strips the space again", () => {
    expect(list(spm.encode("hi"))).toEqual([1, 263]);
    expect(list(spm.encode("é", { addSpecialTokens: false }))).toEqual([259, 0xc3 + 3, 0xa9 + 3]);
    expect(spm.stripsLeadingSpace).toBe(true);
    expect(spm.decode(spm.encode("hi hi"))).toBe("hi hi");
    expect(spm.decode(spm.encode("  é\n"))).toBe("  é\n");
    expect([...spm.tokenBytes(263)]).toEqual([0x20, 0x68, 0x69]);
    expect([...spm.tokenBytes(3 + 0x0a)]).toEqual([0x0a]);
  });

  it("spells back any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(spm.decode(spm.encode(text, { parseSpecialTokens: false }))).toBe(text);
      }),
    );
  });
});

const broken = (change: Record<string, unknown>) => ({ ...byteLevel, ...change });
const brokenModel = (change: Record<string, unknown>) => broken({ model: { ...byteLevel.model, ...change } });
const cyclic: Record<string, unknown> = { type: "Sequence" };
cyclic.pretokenizers = [cyclic];

describe("damaged tokenizer.json", () => {
  it.each<[string, unknown, RegExp]>([
    ["no object", [], /tokenizer.json must be a JSON object, but is a list of 0/],
    ["no model", broken({ model: undefined }), /"model" is missing/],
    ["model of another kind", brokenModel({ type: "Unigram" }), /"Unigram" is not supported. Supported: BPE/],
    ["no vocabulary", brokenModel({ vocab: undefined }), /"vocab" must be an object/],
    ["empty vocabulary", brokenModel({ vocab: {} }), /"vocab" is empty/],
    ["text for an id", brokenModel({ vocab: { ...byteVocab, a: "64" } }), /gives "a" the id "64"/],
    ["negative id", brokenModel({ vocab: { ...byteVocab, a: -1 } }), /the id -1/],
    ["one id twice", brokenModel({ vocab: { ...byteVocab, zz: 5 } }), /gives id 5 to both/],
    ["a far gap", brokenModel({ vocab: { ...byteVocab, zz: 4_000_000 } }), /ids up to 4000000 for 264 tokens/],
    ["no merges", brokenModel({ merges: undefined }), /"merges" is missing/],
    ["merge of three", brokenModel({ merges: ["h e l"] }), /entry 0 must name two tokens/],
    ["merge of an absent token", brokenModel({ merges: ["h e", "qq z"] }), /entry 1 needs "qq", which is not in/],
    ["merge into an absent token", brokenModel({ merges: ["h z"] }), /entry 0 needs "hz"/],
    ["absent unknown token", brokenModel({ unk_token: "<unk>" }), /"unk_token" is not in the vocabulary/],
    ["word suffix", brokenModel({ end_of_word_suffix: "</w>" }), /BPE without word affixes/],
    ["added token without id", broken({ added_tokens: [{ content: "<x>" }] }), /added_tokens\[0\]: "id" is missing/],
    [
      "added token twice",
      broken({ added_tokens: [1, 2].map((i) => ({ id: 260 + i, content: "x!" })) }),
      /listed twice/,
    ],
    [
      "added token with another id",
      broken({ added_tokens: [{ id: 300, content: "hello" }] }),
      /vocabulary gives this token 259/,
    ],
    [
      "unknown stage",
      broken({ pre_tokenizer: { type: "Magic" } }),
      /pre_tokenizer "Magic" is not supported. Supported: ByteLevel/,
    ],
    ["stage that contains itself", broken({ pre_tokenizer: cyclic }), /more nested stages/],
    [
      "impossible pattern",
      broken({ pre_tokenizer: { type: "Split", pattern: { Regex: "(" } } }),
      /refused by the engine/,
    ],
    ["other decoder", broken({ decoder: { type: "WordPiece" } }), /decoder: "type" must be one of ByteLevel/],
    [
      "template of an absent token",
      broken({ post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: "<absent>" } }] } }),
      /names "<absent>", which is not/,
    ],
  ])("%s", (_, json, message) => {
    expect(() => createTokenizer(json, plainConfig)).toThrow(message);
    expect(() => createTokenizer(json, plainConfig)).toThrow(KvfoldError);
  });

  it("never throws anything but a KvfoldError, whatever single value is replaced", () => {
    const paths = [
      ["model"],
      ["model", "vocab"],
      ["model", "merges"],
      ["added_tokens"],
      ["pre_tokenizer"],
      ["decoder"],
      ["post_processor"],
      ["normalizer"],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
        const json = structuredClone(byteLevel) as unknown as Record<string, Record<string, unknown>>;
        const [first, second] = path as [string, string?];
        if (second === undefined) (json as Record<string, unknown>)[first] = value;
        else if (json[first]) json[first][second] = value;
        try {
          createTokenizer(json, plainConfig).encode("hello 12");
        } catch (error) {
          if (!KvfoldError.isInstance(error)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("tokenizer_config.json", () => {
  it("reads tokens in both forms and named chat templates", () => {
    const config = parseTokenizerConfig({
      bos_token: { content: "<s>", lstrip: false },
      eos_token: "</s>",
      chat_template: [
        { name: "default", template: "a" },
        { name: "tool_use", template: "b" },
      ],
    });
    expect(config).toMatchObject({ bosToken: "<s>", eosTokens: ["</s>"], addBos: undefined });
    expect([...config.chatTemplates]).toEqual([
      ["default", "a"],
      ["tool_use", "b"],
    ]);
  });

  it.each<[unknown, RegExp]>([
    [7, /must be a JSON object, but is 7/],
    [{ bos_token: 1 }, /"bos_token" must be a token/],
    [{ bos_token: { text: "x" } }, /"content" is missing/],
    [{ add_bos_token: "yes" }, /true or false/],
    [{ chat_template: 5 }, /"chat_template" must be a template/],
    [{ chat_template: [{ name: "x" }] }, /"template" is missing/],
  ])("refuses %j", (json, message) => {
    expect(() => parseTokenizerConfig(json)).toThrow(message);
  });
});

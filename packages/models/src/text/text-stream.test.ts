import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BYTE_CHARACTERS } from "../tokenizer/byte-level-alphabet.js";
import { createTokenizer } from "../tokenizer/create-tokenizer.js";
import { parseTokenizerConfig } from "../tokenizer/tokenizer-config.js";
import { TextStream } from "./text-stream.js";

const config = parseTokenizerConfig({});
const special = { content: "<|end|>", special: true };
/** One token a byte, so that every character of more than one byte crosses a token border. */
const bytes = createTokenizer(
  {
    added_tokens: [{ ...special, id: 256 }],
    pre_tokenizer: { type: "ByteLevel", use_regex: false },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: Object.fromEntries(BYTE_CHARACTERS.map((token, id) => [token, id])), merges: [] },
  },
  config,
);
const fallback = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
const pieces = [...fallback, "▁", "a", "▁a", "é"];
const sentencePiece = createTokenizer(
  {
    added_tokens: [{ ...special, id: 260 }],
    normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
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
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.map((token, id) => [token, id])),
      merges: ["▁ a"],
    },
  },
  config,
);

const LONE_SURROGATE = /\p{Surrogate}/u;
const run = (stream: TextStream, ids: Iterable<number>) => [
  ...Array.from(ids, (id) => stream.push(id)),
  stream.flush(),
];

describe("TextStream", () => {
  it.each([
    ["byte-level", bytes],
    ["SentencePiece", sentencePiece],
  ])("%s: the pieces of any tokens join to their decoding", (_, tokenizer) => {
    const ids = fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize + 3 }), { maxLength: 40 });
    fc.assert(
      fc.property(ids, (tokens) => {
        expect(run(new TextStream(tokenizer), tokens).join("")).toBe(tokenizer.decode(tokens));
      }),
    );
  });

  it("never shows part of a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const piece of run(new TextStream(bytes), bytes.encode(text))) {
          expect(piece).not.toMatch(LONE_SURROGATE);
          if (!text.includes("\ufffd")) expect(piece).not.toContain("\ufffd");
        }
      }),
    );
    const family = bytes.encode("👩x");
    expect(run(new TextStream(bytes), family)).toEqual(["", "", "", "👩", "x", ""]);
  });

  it("marks an unfinished character at the end", () => {
    const [first, second] = bytes.encode("é");
    expect(run(new TextStream(bytes), [first as number])).toEqual(["", "\ufffd"]);
    expect(run(new TextStream(bytes), [first as number, 256, second as number])).toEqual(["", "", "é", ""]);
  });

  it("strips SentencePiece's first space at the start of a text only", () => {
    const tokens = sentencePiece.encode(" a a");
    expect(run(new TextStream(sentencePiece), tokens).join("")).toBe("a a");
    expect(run(new TextStream(sentencePiece, { continues: true }), tokens).join("")).toBe(" a a");
  });
});

import type { Pair } from "./encode-gguf.js";

/** Byte-level alphabet: printable bytes stand for themselves, the other ones for characters from 256 on. */
const alphabet = Array.from({ length: 256 }, () => "");
let next = 256;
for (let byte = 0; byte < 256; byte++) {
  const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  alphabet[byte] = String.fromCodePoint(printable ? byte : next++);
}

const control = ["<unk>", "<s>", "</s>"];
// 256 tokens in all, the vocabulary of the tiny golden models: the last bytes (never in valid UTF-8) give way.
const tokens = [...control, ...alphabet.slice(0, 251), "he", "ll"];

/** Tokenizer metadata of a tiny GGUF: byte-level BPE with two merges. */
export const tinyTokenizer: readonly Pair[] = [
  { key: "tokenizer.ggml.model", type: "string", value: "gpt2" },
  { key: "tokenizer.ggml.pre", type: "string", value: "smollm" },
  { key: "tokenizer.ggml.tokens", type: "array", of: "string", value: tokens },
  { key: "tokenizer.ggml.token_type", type: "array", of: "i32", value: tokens.map((_, id) => (id < 3 ? 3 : 1)) },
  { key: "tokenizer.ggml.merges", type: "array", of: "string", value: ["h e", "l l"] },
];

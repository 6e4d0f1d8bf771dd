import { describe, expect, it } from "vitest";
import { createTokenizer } from "../tokenizer/create-tokenizer.js";
import { parseTokenizerConfig } from "../tokenizer/tokenizer-config.js";
import { chatText, encodeChat } from "./encode-chat.js";

const letters = "abcdefghijklmnopqrstuvwxyz:.";
const json = {
  added_tokens: [
    { id: 30, content: "<s>", special: true },
    { id: 31, content: "<e>", special: true },
  ],
  pre_tokenizer: null,
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  },
  decoder: { type: "Fuse" },
  model: { type: "BPE", vocab: Object.fromEntries([...letters].map((letter, id) => [letter, id])), merges: [] },
};
const turn = "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}{% endfor %}";
const withTemplates = (chat_template: unknown) =>
  createTokenizer(json, parseTokenizerConfig({ bos_token: "<s>", eos_token: "<e>", chat_template }));
const messages = [{ role: "user", content: "hi" }];

describe("encodeChat", () => {
  it("reads the template's special tokens and adds no second BOS", () => {
    const tokenizer = withTemplates(turn);
    expect(chatText(tokenizer, messages)).toBe("<s>user:hi<e>");
    const ids = encodeChat(tokenizer, messages);
    expect([ids[0], ids[1], ids.at(-1), ids.length]).toEqual([30, letters.indexOf("u"), 31, 9]);
  });

  it("takes the tool template where there are tools, or the named one", () => {
    const tokenizer = withTemplates([
      { name: "default", template: "d" },
      { name: "tool_use", template: "t" },
      { name: "rag", template: "r" },
    ]);
    expect(chatText(tokenizer, messages)).toBe("d");
    expect(chatText(tokenizer, messages, { tools: [{ type: "function" }] })).toBe("t");
    expect(chatText(tokenizer, messages, { template: "rag" })).toBe("r");
    expect(() => chatText(tokenizer, messages, { template: "x" })).toThrow(/Available: default, tool_use, rag/);
  });

  it("says that a base model has no template", () => {
    expect(() => encodeChat(withTemplates(undefined), messages)).toThrow(/it is a base model, which continues text/);
  });
});

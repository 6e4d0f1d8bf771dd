import { KvfoldError } from "@kvfold/core";
import { describe, expect, it } from "vitest";
import { type ChatMessage, renderChat } from "./render-chat.js";

/** The ChatML template of SmolLM2 (Apache-2.0). */
const CHATML =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" +
  "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + " +
  "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}" +
  "{{ '<|im_start|>assistant\n' }}{% endif %}";

const user = (content: string): ChatMessage => ({ role: "user", content });

describe("renderChat", () => {
  it("renders SmolLM2's template as transformers does", () => {
    expect(renderChat(CHATML, [user("Hi é\n")])).toBe(
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
        "<|im_start|>user\nHi é\n<|im_end|>\n<|im_start|>assistant\n",
    );
    const conversation = [{ role: "system", content: "Be brief." }, user("1+1?"), { role: "assistant", content: "2" }];
    expect(renderChat(CHATML, conversation, { addGenerationPrompt: false })).toBe(
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n",
    );
  });

  it("gives the template its tokens, tools and variables", () => {
    const template =
      "{{ bos_token }}{% for tool in tools or [] %}\n    {{- tool | tojson }}\n{% endfor %}{{ eos_token }}" +
      "{% if enable_thinking is defined and enable_thinking is false %}quiet{% endif %}";
    const tools = [{ type: "function", function: { name: "f", note: "it's <é>" } }];
    expect(renderChat(template, [user("x")], { bosToken: "<s>", eosToken: "</s>", tools })).toBe(
      '<s>{"type": "function", "function": {"name": "f", "note": "it\'s <é>"}}\n</s>',
    );
    const variables = { enable_thinking: false, messages: "cannot be replaced" };
    expect(renderChat(template, [user("x")], { variables, tools: [] })).toBe("quiet");
  });

  it("tells the time in English", () => {
    const now = new Date(2024, 6, 4, 15, 5, 9);
    const template = "{{ strftime_now('%d %b %Y, %A %B %y %I:%M:%S %p %H %q %%') }}";
    expect(renderChat(template, [user("x")], { now })).toBe("04 Jul 2024, Thursday July 24 03:05:09 PM 15 %q %");
  });

  it("counts with range like Python", () => {
    const template =
      "{% for i in range(3) %}{{ i }}{% endfor %}|{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}|{% for i in range(2, 2) %}x{% endfor %}";
    expect(renderChat(template, [user("x")])).toBe("012|531|");
  });

  it.each<[string, string, RegExp]>([
    ["broken syntax", "{% for %}", /could not be parsed/],
    ["an open block", "{% if true %}x", /could not be parsed/],
    [
      "its own refusal",
      "{{ raise_exception('Roles must alternate') }}",
      /refused the conversation: Roles must alternate/,
    ],
    ["an absent function", "{{ magic() }}", /refused the conversation/],
    ["an endless range", "{% for i in range(10000000000) %}{% endfor %}", /at most 100000 are made/],
    ["a range without steps", "{% for i in range(0, 5, 0) %}{% endfor %}", /at most 100000/],
    ["an enormous template", " ".repeat(2_000_000), /2000000 characters long/],
  ])("names %s", (_, template, message) => {
    const act = () => renderChat(template, [user("x")]);
    expect(act).toThrow(message);
    expect(act).toThrow(KvfoldError);
  });

  it.each<[unknown, RegExp]>([
    [[], /the list is empty/],
    ["hi", /got string/],
    [[{ content: "x" }], /message 0 has no role/],
    [[user("x"), { role: "assistant" }], /message 1 \(assistant\) has no content/],
    [[null], /message 0 has no role/],
  ])("refuses the messages %j", (messages, message) => {
    expect(() => renderChat(CHATML, messages as ChatMessage[])).toThrow(message);
  });
});

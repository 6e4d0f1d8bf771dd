import { chooseBackend } from "@kvfold/core";
import { sharedPath, skipReason } from "@kvfold/core/testing";
import { dmc } from "@kvfold/dmc";
import { full, window } from "@kvfold/kv-cache";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LanguageModel } from "../language-model.js";
import { loadLocalModel } from "../load-model.js";
import { ChatSession } from "./chat-session.js";
import { encodeChat } from "./encode-chat.js";
import type { ChatMessage } from "./render-chat.js";

const path = sharedPath("models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");

describe.skipIf(path === undefined)(
  `ChatSession (${skipReason("models/SmolLM2-135M-Instruct")})`,
  { timeout: 120_000 },
  () => {
    let model: LanguageModel;
    beforeAll(async () => {
      await chooseBackend({ prefer: "wasm" });
      model = await loadLocalModel(path as string);
    }, 60_000);
    afterAll(() => model.dispose());

    it("answers what a run of the whole conversation from the start answers, but feeds only what is new", async () => {
      const session = new ChatSession(model, full());
      const messages: ChatMessage[] = [];
      for (const question of ["What is the capital of France?", "And of Italy?"]) {
        const before = session.cache.tokens[0] ?? 0;
        let answer = "";
        for await (const text of session.reply(question, { maxTokens: 8 })) answer += text;
        messages.push({ role: "user", content: question });
        const prompt = encodeChat(model.tokenizer, messages, { addGenerationPrompt: true });
        const { rows } = await model.generate(prompt, { maxTokens: 8 }).result();
        expect(answer).toBe(rows[0]?.text);
        messages.push({ role: "assistant", content: answer });
        expect(session.cache.tokens[0]).toBeLessThan(prompt.length + 16);
        expect(session.cache.tokens[0]).toBeGreaterThan(before);
      }
      session.dispose();
    });

    it("keeps what was said when the caller stops listening", async () => {
      using session = new ChatSession(model, full(), { system: "Be brief." });
      let heard = "";
      for await (const text of session.reply("What is the capital of France?", { maxTokens: 8 })) {
        heard += text;
        if (heard.length > 8) break;
      }
      expect(session.messages.map((message) => message.role)).toEqual(["system", "user", "assistant"]);
      expect(session.messages[2]?.content).toBe(heard);
      let answer = "";
      for await (const text of session.reply("And of Italy?", { maxTokens: 6 })) answer += text;
      const prompt = encodeChat(model.tokenizer, session.messages.slice(0, 4), { addGenerationPrompt: true });
      const { rows } = await model.generate(prompt, { maxTokens: 6 }).result();
      expect(answer).toBe(rows[0]?.text);
    });

    it.each([dmc({ threshold: 0.02 }), window({ sinks: 2, recent: 24 })])(
      "goes on under $name as if the whole conversation had been read at once",
      async (policy) => {
        using session = new ChatSession(model, policy);
        for await (const _ of session.reply("Hello", { maxTokens: 6 }));
        const before = session.cache.tokens[0] as number;
        let answer = "";
        const second = "Who are you?";
        const prompt = encodeChat(model.tokenizer, [...session.messages, { role: "user", content: second }]);
        for await (const text of session.reply(second, { maxTokens: 8 })) answer += text;
        expect(session.cache.tokens[0]).toBeGreaterThan(before);
        const { rows } = await model.generate(prompt, { policy, maxTokens: 8 }).result();
        expect(answer).toBe(rows[0]?.text);
      },
    );

    it("starts over where an evicting cache cannot go back", async () => {
      const session = new ChatSession(model, window({ sinks: 2, recent: 24 }));
      for (const question of ["Hello", "Who are you?"]) {
        const stop = new AbortController();
        let pieces = 0;
        for await (const _ of session.reply(question, { maxTokens: 40, signal: stop.signal }))
          if (++pieces === 4) stop.abort();
        expect(session.cache.stats().entries).toBeLessThanOrEqual(26 * model.config.layers * model.config.kvHeads);
      }
      session.dispose();
    });
  },
);

import type { CachePolicy, KvCache } from "@kvfold/kv-cache";
import type { GenerateOptions } from "../generation/generate-options.js";
import type { LanguageModel } from "../language-model.js";
import { encodeChat } from "./encode-chat.js";
import type { ChatMessage } from "./render-chat.js";

/** A conversation whose cache stays from turn to turn: only what is new goes through the model. Owns the cache. */
export class ChatSession {
  readonly cache: KvCache;
  /** What was said so far. */
  readonly messages: ChatMessage[];
  private readonly model: LanguageModel;
  /** Tokens that the cache has seen. */
  private seen: number[] = [];

  /**
   * @param options.system instructions that stand before the conversation. Default: none (a template may have its own)
   * @param options.codec storage of the cache's entries, see {@link LanguageModel.createCache}. Default `f32`
   */
  constructor(
    model: LanguageModel,
    policy: CachePolicy,
    options: { readonly system?: string; readonly codec?: string } = {},
  ) {
    this.model = model;
    this.cache = model.createCache(policy, { codec: options.codec ?? "f32" });
    this.messages = options.system === undefined ? [] : [{ role: "system", content: options.system }];
  }

  /**
   * Answers a message, piece by piece. What was said belongs to the conversation afterwards, also when the caller stops
   * on the way.
   *
   * @throws KvfoldError `chat-template-missing` for base models
   */
  async *reply(
    text: string,
    options: Omit<GenerateOptions, "cache" | "codec" | "policy"> = {},
  ): AsyncGenerator<string> {
    const asked: ChatMessage[] = [...this.messages, { role: "user", content: text }];
    const prompt = encodeChat(this.model.tokenizer, asked, { addGenerationPrompt: true });
    this.keepCommonStart(prompt);
    const generation = this.model.generate(prompt.subarray(this.seen.length), { ...options, cache: this.cache });
    const tokens: number[] = [];
    let answer = "";
    try {
      for await (const { token, text: piece } of generation) {
        tokens.push(token);
        answer += piece;
        yield piece;
      }
      answer = (await generation.result()).rows[0]?.text ?? answer;
    } finally {
      this.messages.push({ role: "user", content: text }, { role: "assistant", content: answer });
      this.seen = [...prompt, ...tokens].slice(0, this.cache.tokens[0]);
    }
  }

  /** Frees the cache. */
  dispose(): void {
    this.cache.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Templates may change what stood before (a thought that is left out): what differs is forgotten, and read again. A
   * cache that merged or dropped cannot be taken apart, so it starts over.
   */
  private keepCommonStart(prompt: Int32Array): void {
    let common = 0;
    while (common < this.seen.length && this.seen[common] === prompt[common]) common++;
    common = Math.min(common, prompt.length - 1);
    if (common === this.seen.length) return;
    if (!this.cache.lossless) common = 0;
    this.cache.crop(common);
    this.seen.length = common;
  }
}

import type { CachePolicy, KvCache } from "@kvfold/kv-cache";
import type { ChatMessage, GenerateOptions, Generation, LanguageModel } from "@kvfold/models";

/** A conversation whose cache stays from turn to turn: only what is new goes through the model. Owns the cache. */
export class ChatSession {
  readonly cache: KvCache;
  private readonly model: LanguageModel;
  private readonly messages: ChatMessage[] = [];
  /** Tokens that the cache has seen. */
  private seen: number[] = [];

  constructor(model: LanguageModel, policy: CachePolicy) {
    this.model = model;
    this.cache = model.createCache(policy);
  }

  /**
   * Answers a message. Iterate the result to its end; the answer then belongs to the conversation, also when it was
   * stopped on the way.
   *
   * @throws KvfoldError `chat-template-missing` for base models
   */
  async *reply(text: string, options: GenerateOptions): AsyncGenerator<string> {
    const { encodeChat } = await import("@kvfold/models");
    this.messages.push({ role: "user", content: text });
    let prompt: Int32Array;
    try {
      prompt = encodeChat(this.model.tokenizer, this.messages, { addGenerationPrompt: true });
    } catch (error) {
      this.messages.pop();
      throw error;
    }
    this.keepCommonStart(prompt);
    const fresh = prompt.subarray(this.seen.length);
    const generation = this.model.generate(fresh, { ...options, cache: this.cache });
    for await (const token of generation) yield token.text;
    await this.remember(prompt, generation);
  }

  dispose(): void {
    this.cache.dispose();
  }

  /** Templates may change what stood before (a thought that is left out): what differs is forgotten. */
  private keepCommonStart(prompt: Int32Array): void {
    let common = 0;
    while (common < this.seen.length && this.seen[common] === prompt[common]) common++;
    common = Math.min(common, prompt.length - 1);
    if (common === this.seen.length) return;
    if (!this.cache.lossless) common = 0; // what was merged or dropped cannot be taken apart again
    this.cache.crop(common);
    this.seen.length = common;
  }

  private async remember(prompt: Int32Array, generation: Generation): Promise<void> {
    const { rows } = await generation.result();
    const row = rows[0];
    this.messages.push({ role: "assistant", content: row?.text ?? "" });
    const all = [...prompt, ...(row?.tokens ?? [])];
    this.seen = all.slice(0, this.cache.tokens[0]);
  }
}

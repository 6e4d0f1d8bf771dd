import type { Sampler } from "../sampling/sampler.js";
import { StopStrings } from "../text/stop-strings.js";
import { TextStream } from "../text/text-stream.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { FinishReason, GeneratedRow } from "./generation-result.js";

/** Conditions that end a row. */
export interface RowLimits {
  readonly maxTokens: number;
  readonly eosIds: ReadonlySet<number>;
  readonly stop: readonly string[];
}

/** One prompt's text as it grows. */
export class RowState {
  readonly prompt: Int32Array;
  readonly sampler: Sampler;
  readonly tokens: number[] = [];
  text = "";
  finish: FinishReason | undefined;
  /** Logits after the newest token, `[vocab]`; empty before the prompt was read, and where the device draws. */
  logits = new Float32Array(0);
  /** The next token, where the device has drawn it. */
  drawn: number | undefined;
  private readonly limits: RowLimits;
  private readonly stream: TextStream;
  private readonly stops: StopStrings;

  constructor(prompt: Int32Array, sampler: Sampler, tokenizer: Tokenizer, limits: RowLimits) {
    this.prompt = prompt;
    this.sampler = sampler;
    this.limits = limits;
    this.stream = new TextStream(tokenizer, { continues: true });
    this.stops = new StopStrings(limits.stop);
  }

  /** Adds a token; returns the text to show for it, and sets `finish` when the row ends with it. */
  push(token: number): string {
    this.tokens.push(token);
    const isEnd = this.limits.eosIds.has(token);
    const { text, stopped } = this.stops.push(isEnd ? "" : this.stream.push(token));
    let shown = text;
    if (stopped !== undefined) this.finish = "stop";
    else if (isEnd) this.finish = "eos";
    else if (this.tokens.length >= this.limits.maxTokens) this.finish = "length";
    if (this.finish === "eos" || this.finish === "length") shown += this.rest();
    this.text += shown;
    return shown;
  }

  /** Ends a row that was still running; returns the text that was held back. */
  abort(): string {
    this.finish = "abort";
    const shown = this.rest();
    this.text += shown;
    return shown;
  }

  result(): GeneratedRow {
    const finish = this.finish ?? "abort";
    return { text: this.text, tokens: [...this.tokens], finish, promptTokens: this.prompt.length };
  }

  /** Tokens so far, prompt first: for the repetition penalty. */
  *seen(): Iterable<number> {
    yield* this.prompt;
    yield* this.tokens;
  }

  private rest(): string {
    const { text, stopped } = this.stops.push(this.stream.flush());
    return stopped === undefined ? text + this.stops.flush() : text;
  }
}

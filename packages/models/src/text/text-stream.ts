import type { Tokenizer } from "../tokenizer/tokenizer.js";

/**
 * Turns tokens into text as they come. A piece never ends inside a character: bytes of an unfinished one wait for the
 * next token. The pieces joined are what `decode` gives for all tokens.
 */
export class TextStream {
  private readonly tokenizer: Tokenizer;
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private atStart: boolean;

  /** @param options.continues true when tokens of the same text came before, so that a leading space is part of it. Default false. */
  constructor(tokenizer: Tokenizer, options: { readonly continues?: boolean } = {}) {
    this.tokenizer = tokenizer;
    this.atStart = tokenizer.stripsLeadingSpace && !(options.continues ?? false);
  }

  /** Text that this token completes; empty for special tokens and inside a character. */
  push(token: number): string {
    if (this.tokenizer.specialIds.has(token)) return "";
    return this.strip(this.decoder.decode(this.tokenizer.tokenBytes(token), { stream: true }));
  }

  /** The rest at the end: an unfinished character becomes U+FFFD. */
  flush(): string {
    return this.strip(this.decoder.decode());
  }

  private strip(piece: string): string {
    if (!this.atStart || piece === "") return piece;
    this.atStart = false;
    return piece.startsWith(" ") ? piece.slice(1) : piece;
  }
}

/** How {@link Tokenizer.encode} treats special tokens. */
export interface EncodeOptions {
  /** Add what the tokenizer puts around a text (BOS for Llama); default true. Set false for text after a chat template. */
  readonly addSpecialTokens?: boolean;
  /**
   * Read `<|im_start|>` and the like as the special tokens they name; default true, as in transformers. Set false for text
   * from strangers: it is then spelled out in ordinary tokens and cannot end a turn.
   */
  readonly parseSpecialTokens?: boolean;
}

/** How {@link Tokenizer.decode} treats special tokens. */
export interface DecodeOptions {
  /** Leave special tokens out of the text; default true. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to token ids and back, one object for `tokenizer.json` and GGUF vocabularies alike. */
export interface Tokenizer {
  /** Largest id + 1. A model's vocabulary may be larger (padding), never smaller. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  /** Ids that end a text as the tokenizer's own files say; the model's config may name further ones. */
  readonly eosIds: readonly number[];
  /** Every id of a special token. */
  readonly specialIds: ReadonlySet<number>;
  /** Chat templates by name; the usual one is `default`. Empty for base models. */
  readonly chatTemplates: ReadonlyMap<string, string>;
  /** True: the first token of a text carries a space that is not part of it (SentencePiece). */
  readonly stripsLeadingSpace: boolean;
  /** Token ids of a text. Lone surrogates count as U+FFFD. */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /**
   * The text that the tokens spell, byte for byte; broken UTF-8 becomes U+FFFD. Ids outside the vocabulary spell nothing
   * (models pad their vocabulary).
   *
   * @throws KvfoldError `token-id` for ids that are negative or no whole numbers
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** The vocabulary's own spelling of a token (`Ġthe`, `▁the`), undefined for an unused id. */
  idToToken(id: number): string | undefined;
  /** Id of a token in the vocabulary's own spelling. */
  tokenToId(token: string): number | undefined;
  /** Bytes that a token adds to a text; do not change them. Special tokens give their name's bytes. */
  tokenBytes(id: number): Uint8Array;
}

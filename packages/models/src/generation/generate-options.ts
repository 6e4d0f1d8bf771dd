import { KvfoldError } from "@kvfold/core";
import type { CachePolicy, KvCache } from "@kvfold/kv-cache";
import type { SamplingOptions } from "../sampling/sampling-options.js";

/** Text or token ids. */
export type PromptText = string | ArrayLike<number>;

/** One prompt, or several that run as a batch; they may differ in length. */
export type Prompt = PromptText | readonly PromptText[];

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** Policy of the cache. Default `full`. Not together with `cache`. */
  readonly policy?: CachePolicy;
  /** Storage of the cache's entries: `f32` (default), or `bf16` and `int8` on the backend `native`. Not together with `cache`. */
  readonly codec?: string;
  /**
   * A cache of the caller's, one row a prompt: the prompt continues what it holds, and it stays alive afterwards (all
   * tokens but the last generated one are in it then). Default: a new one, freed at the end.
   */
  readonly cache?: KvCache;
  /** Most tokens to generate for each prompt. Default 256. */
  readonly maxTokens?: number;
  /** Text that ends a row; it is not part of the result. */
  readonly stop?: string | readonly string[];
  /** Report each token's log-probability and those of the n most likely tokens (0: only its own). Default: none. */
  readonly logProbabilities?: number;
  /** Go on after the model's end-of-text tokens. Default false. */
  readonly ignoreEos?: boolean;
  /** Put the tokenizer's special tokens around text prompts. Default: true for a new text, false on a filled cache. */
  readonly addSpecialTokens?: boolean;
  /** Ends generation after the present token or prompt chunk; the result says `abort`. */
  readonly signal?: AbortSignal;
  /** Prompt tokens a call; bounds memory. Default 512. */
  readonly prefillChunk?: number;
}

/** @throws KvfoldError `generate-options` that names the first option out of range */
export function checkGenerateOptions(options: GenerateOptions): void {
  const { maxTokens = 256, prefillChunk = 512, logProbabilities = 0 } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    refuse(`maxTokens must be a whole number from 1 up; got ${maxTokens}.`);
  if (!Number.isInteger(prefillChunk) || prefillChunk < 1)
    refuse(`prefillChunk must be a whole number from 1 up; got ${prefillChunk}.`);
  if (!Number.isInteger(logProbabilities) || logProbabilities < 0)
    refuse(`logProbabilities must be a whole number from 0 up; got ${logProbabilities}.`);
  if (options.cache && options.policy) refuse("give either a cache or a policy: a cache already has one.");
  if (options.cache && options.codec !== undefined) refuse("give either a cache or a codec: a cache already has one.");
}

function refuse(message: string): never {
  throw new KvfoldError("generate-options", message);
}

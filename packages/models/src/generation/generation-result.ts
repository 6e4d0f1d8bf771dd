import type { CacheStats } from "@kvfold/kv-cache";
import type { TokenLogProbability } from "../sampling/log-probabilities.js";

/** One generated token. */
export interface GeneratedToken {
  /** Which prompt it continues. */
  readonly row: number;
  readonly token: number;
  /** Text that this token completes; may be empty (inside a character, or while a stop string may be beginning). */
  readonly text: string;
  /** In nats, before temperature and filters; only when asked for. */
  readonly logProbability?: number;
  /** The most likely tokens at this place, most likely first; only when asked for. */
  readonly alternatives?: readonly TokenLogProbability[];
}

/** Why a row ended. */
export type FinishReason = "eos" | "stop" | "length" | "abort";

/** One row's result. */
export interface GeneratedRow {
  /** All text, without stop string and special tokens. */
  readonly text: string;
  /** Generated tokens, the end-of-text token included. */
  readonly tokens: readonly number[];
  readonly finish: FinishReason;
  readonly promptTokens: number;
}

/** Figures of one call. */
export interface GenerationStats {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Prompt tokens a second; 0 when nothing was measured. */
  readonly prefillTokensPerSecond: number;
  /** Tokens a second of the steps after the first token, all rows together; 0 when there was none. */
  readonly decodeTokensPerSecond: number;
  /** From the call to the first token. */
  readonly timeToFirstTokenMs: number;
  /** The cache at the end. */
  readonly cache: CacheStats;
}

/** Everything that a call produced. */
export interface GenerationResult {
  readonly rows: readonly GeneratedRow[];
  readonly stats: GenerationStats;
}

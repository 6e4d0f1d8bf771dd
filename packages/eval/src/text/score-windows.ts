import { KvfoldError } from "@kvfold/core";
import type { CachePolicy } from "@kvfold/kv-cache";
import type { LanguageModel } from "@kvfold/models";
import { scoringChunk } from "../scoring-chunk.js";

/** Options of {@link scoreWindows}. */
export interface ScoreWindowsOptions {
  readonly model: LanguageModel;
  readonly policy: CachePolicy;
  readonly tokens: Int32Array;
  /** Tokens of a window. */
  readonly window: number;
  /** Storage of the entries: `f32` (default), or `bf16` and `int8` on the backend `native`. */
  readonly codec?: string | undefined;
  /** Told after each window: windows done, and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a policy did on windows of a text. */
export interface WindowScores {
  readonly perplexity: number;
  /** Mean negative log-likelihood of each window in nats: what a paired comparison of two runs needs. */
  readonly nats: readonly number[];
  /** Tokens per entry at the ends of the windows. */
  readonly compressionRatio: number;
  /** Logical bytes per live byte at the ends of the windows, state included. */
  readonly byteRatio: number;
  /** Mean live bytes at the end of a window. */
  readonly liveBytes: number;
}

/**
 * Perplexity of a text cut into windows that each stand alone, through the cache: the first token of a window is not
 * scored, all others are. A last window that is shorter counts as it is.
 *
 * @throws KvfoldError `window-options` for windows or texts of fewer than 2 tokens
 */
export async function scoreWindows(options: ScoreWindowsOptions): Promise<WindowScores> {
  const { model, policy, tokens, window, codec = "f32" } = options;
  if (!(Number.isInteger(window) && window >= 2 && tokens.length >= 2)) {
    throw new KvfoldError(
      "window-options",
      `Windows and texts need at least 2 tokens; got windows of ${window} and a text of ${tokens.length}.`,
    );
  }
  const chunk = scoringChunk(policy, model.config);
  const total = Math.ceil((tokens.length - 1) / window);
  const nats: number[] = [];
  const sums = { nats: 0, scores: 0, laneTokens: 0, entries: 0, logicalBytes: 0, liveBytes: 0 };
  for (let at = 0; at + 1 < tokens.length; at += window) {
    options.signal?.throwIfAborted();
    const part = tokens.subarray(at, at + window);
    using cache = model.createCache(policy, { codec });
    const scores = await model.logLikelihood(part, { cache, chunk });
    const missed = scores.reduce((sum, score) => sum - score, 0);
    const stats = cache.stats();
    nats.push(missed / scores.length);
    sums.nats += missed;
    sums.scores += scores.length;
    sums.laneTokens += stats.compressionRatio * stats.entries;
    sums.entries += stats.entries;
    sums.logicalBytes += stats.logicalBytes;
    sums.liveBytes += stats.liveBytes;
    options.onProgress?.(nats.length, total);
  }
  return {
    perplexity: Math.exp(sums.nats / sums.scores),
    nats,
    compressionRatio: sums.laneTokens / sums.entries,
    byteRatio: sums.logicalBytes / sums.liveBytes,
    liveBytes: sums.liveBytes / nats.length,
  };
}

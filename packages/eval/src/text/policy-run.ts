import type { CachePolicy, KvCache } from "@kvfold/kv-cache";
import type { LanguageModel } from "@kvfold/models";
import { scoringChunk } from "../scoring-chunk.js";
import { divergence, type RowScores, rowScores } from "./row-scores.js";

/** Logits of some tokens in a row, and what they say. */
export interface Span {
  /** `[tokens][vocab]` */
  readonly logits: readonly Float32Array[];
  readonly scores: readonly RowScores[];
}

/** One policy on its way through a text. Owns its cache. */
export class PolicyRun {
  readonly policy: CachePolicy;
  readonly cache: KvCache;
  private readonly model: LanguageModel;
  private readonly chunk: number;
  private scored = 0;
  private negativeLogLikelihood = 0;
  private divergence = 0;
  private agreed = 0;
  private timedTokens = 0;
  private timedSeconds = 0;

  constructor(model: LanguageModel, policy: CachePolicy, codec: string) {
    this.model = model;
    this.policy = policy;
    this.chunk = scoringChunk(policy, model.config);
    this.cache = model.createCache(policy, { codec });
  }

  /**
   * Feeds tokens to the model through the cache.
   * @param timed decodes token by token whatever the policy allows, and counts the time
   */
  async advance(tokens: Int32Array, timed: boolean): Promise<Span> {
    const logits: Float32Array[] = [];
    const step = timed ? 1 : this.chunk;
    const start = performance.now();
    for (let at = 0; at < tokens.length; at += step) {
      const part = tokens.subarray(at, at + step);
      const tensor = this.model.forward(this.cache, [part], { logits: "all" });
      const values = (await tensor.data()) as Float32Array;
      tensor.dispose();
      const vocab = values.length / part.length;
      for (let i = 0; i < part.length; i++) logits.push(values.subarray(i * vocab, (i + 1) * vocab));
    }
    if (timed) {
      this.timedTokens += tokens.length;
      this.timedSeconds += (performance.now() - start) / 1000;
    }
    return { logits, scores: logits.map(rowScores) };
  }

  /** Counts a span: against the true next tokens, and against the full cache's span (itself: divergence 0). */
  score(span: Span, labels: Int32Array, reference: Span): void {
    labels.forEach((label, i) => {
      const logits = span.logits[i] as Float32Array;
      const scores = span.scores[i] as RowScores;
      const wanted = reference.scores[i] as RowScores;
      this.negativeLogLikelihood += scores.logSum - (logits[label] as number);
      if (span !== reference)
        this.divergence += divergence(reference.logits[i] as Float32Array, wanted, logits, scores);
      if (scores.best === wanted.best) this.agreed++;
      this.scored++;
    });
  }

  result() {
    const { tokens, entries, compressionRatio, byteRatio, liveBytes } = this.cache.stats();
    return {
      policy: this.policy.name,
      perplexity: Math.exp(this.negativeLogLikelihood / this.scored),
      kld: this.divergence / this.scored,
      top1Agreement: this.agreed / this.scored,
      tokens,
      entries,
      compressionRatio,
      byteRatio,
      liveBytes,
      tokensPerSecond: this.timedTokens / this.timedSeconds,
    };
  }
}

import { KvfoldError } from "@kvfold/core";
import { type CachePolicy, full } from "@kvfold/kv-cache";
import type { LanguageModel } from "@kvfold/models";
import { nextFrame } from "@tensorflow/tfjs-core";
import { PolicyRun, type Span } from "./policy-run.js";

/** Options of {@link evaluateText}. */
export interface EvaluateTextOptions {
  readonly model: LanguageModel;
  /** The text, with BOS in front if the model wants one: `model.tokenizer.encode(text)`. At least 2. */
  readonly tokens: ArrayLike<number>;
  readonly policies: readonly CachePolicy[];
  /**
   * Storage of the policies' entries: `f32` (default), or `bf16` and `int8` on the backend `native`. The full cache that
   * they are compared with stays float32.
   */
  readonly codec?: string | undefined;
  /** Told after each span: tokens done, and in all (every policy's and the full cache's). */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Stops at the next span; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How one policy did on a text. */
export interface TextResult {
  /** Name of the policy. */
  readonly policy: string;
  /** exp of the mean negative log-likelihood of tokens 1 to n - 1. */
  readonly perplexity: number;
  /** Mean Kullback-Leibler divergence to the full cache's next-token distribution, in nats; 0 for `full` in float32. */
  readonly kld: number;
  /** Part of positions, 0..1, at which the most likely token is that of the full cache. */
  readonly top1Agreement: number;
  /** Tokens that went through the cache: all n. */
  readonly tokens: number;
  /** Entries that the cache holds in the end, over all layers and KV heads. */
  readonly entries: number;
  readonly compressionRatio: number;
  readonly byteRatio: number;
  /** Bytes that the allocator holds for the cache in the end. */
  readonly liveBytes: number;
  /** Decode speed of one sequence over the last tokens of the text, readback of the logits included. */
  readonly tokensPerSecond: number;
}

/** Tokens that all policies advance before they are compared; the full cache's logits are kept for one span. */
const SPAN = 64;
/** Tokens at the end of the text that every policy decodes one by one, for the speed. */
const TIMED = 32;

/**
 * Scores policies on a text through their caches, against the full cache. All policies and one full cache go through the
 * text side by side, so that the divergence is exact and memory does not grow with the text (but for the caches).
 *
 * Every number is what decoding token by token gives: policies for which a call of many tokens means something else
 * (`chunking: "defines"`: H2O, TOVA) are decoded, the others take 64 tokens a call, which is the same by law 1. The last
 * 32 tokens are decoded one by one under every policy, and timed.
 *
 * @returns one result a policy, in the given order
 * @throws KvfoldError `eval-text` for fewer than 2 tokens or no policy; `cache-codec` when the backend's store lacks the codec
 */
export async function evaluateText(options: EvaluateTextOptions): Promise<TextResult[]> {
  const { model, policies, codec = "f32", onProgress, signal } = options;
  const tokens = Int32Array.from(options.tokens);
  if (tokens.length < 2) {
    throw new KvfoldError("eval-text", `A text of ${tokens.length} tokens has nothing to score; give at least 2.`);
  }
  if (policies.length === 0) throw new KvfoldError("eval-text", "Give at least one policy to evaluate.");
  const runs: PolicyRun[] = [];
  try {
    const reference = new PolicyRun(model, full(), "f32");
    runs.push(reference);
    const byPolicy = policies.map((policy) => {
      if (codec === "f32" && policy.name === reference.policy.name) return reference;
      const run = new PolicyRun(model, policy, codec);
      runs.push(run);
      return run;
    });
    const timedFrom = Math.max(0, tokens.length - TIMED);
    for (let at = 0; at < tokens.length; ) {
      const timed = at >= timedFrom;
      const end = Math.min(at + SPAN, timed ? tokens.length : timedFrom);
      const labels = tokens.subarray(at + 1, end + 1);
      let wanted: Span | undefined;
      for (const [i, run] of runs.entries()) {
        signal?.throwIfAborted();
        const span = await run.advance(tokens.subarray(at, end), timed);
        wanted ??= span;
        run.score(span, labels, wanted);
        onProgress?.(at * runs.length + (end - at) * (i + 1), tokens.length * runs.length);
        await nextFrame(); // lets signals and timers run
      }
      at = end;
    }
    return byPolicy.map((run) => run.result());
  } finally {
    for (const run of runs) run.cache.dispose();
  }
}

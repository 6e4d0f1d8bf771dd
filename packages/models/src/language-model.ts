import { crossEntropy, KvfoldError } from "@kvfold/core";
import { type CachePolicy, full, type KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfig } from "./config/model-config.js";
import type { Decoder, ForwardOptions } from "./decoder/decoder.js";
import { type Generation, generate } from "./generation/generate.js";
import type { GenerateOptions, Prompt } from "./generation/generate-options.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** Options of {@link LanguageModel.logLikelihood}. */
export interface LogLikelihoodOptions {
  /** Policy under which the text is scored. Default `full`. */
  readonly policy?: CachePolicy;
  /** Scores on top of this cache (one row) and leaves the tokens in it. Default: a new one with `policy`. */
  readonly cache?: KvCache;
  /** Tokens a call; 1 scores by decoding token by token, which is what policies with `chunking: defines` mean. Default 256. */
  readonly chunk?: number;
}

/** A loaded model: decoder, tokenizer and their names. Owns the weights; `dispose()` it, or use `using`. */
export class LanguageModel {
  /** Where it came from. */
  readonly name: string;
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  private readonly release: () => void;

  /** @param release called on dispose, for files that stay open (embedding rows are read from them) */
  constructor(name: string, decoder: Decoder, tokenizer: Tokenizer, release: () => void) {
    this.name = name;
    this.decoder = decoder;
    this.tokenizer = tokenizer;
    this.release = release;
  }

  get config(): ModelConfig {
    return this.decoder.config;
  }

  /**
   * A cache of this model's shape; dispose it.
   *
   * @param options.rows sequences in the batch, default 1
   * @param options.codec storage of its entries: `f32` (default), or `bf16` and `int8` on the backend `native`
   * @throws KvfoldError `cache-codec` when the backend's store does not have the codec
   */
  createCache(policy: CachePolicy, options: { readonly rows?: number; readonly codec?: string } = {}): KvCache {
    return this.decoder.createCache(policy, options.rows, options.codec);
  }

  /** See {@link Decoder.forward}. */
  forward(cache: KvCache, tokens: readonly ArrayLike<number>[], options?: ForwardOptions): tf.Tensor {
    return this.decoder.forward(cache, tokens, options);
  }

  /** See {@link Decoder.forwardAsync}. */
  forwardAsync(cache: KvCache, tokens: readonly ArrayLike<number>[], options?: ForwardOptions): Promise<tf.Tensor> {
    return this.decoder.forwardAsync(cache, tokens, options);
  }

  /**
   * Log-probability of each token given those before it, in nats, scored through the cache.
   *
   * @returns `tokens.length - 1` numbers: entry i is that of token i + 1
   * @throws KvfoldError `log-likelihood` for fewer than 2 tokens
   */
  async logLikelihood(tokens: ArrayLike<number>, options: LogLikelihoodOptions = {}): Promise<Float32Array> {
    if (tokens.length < 2)
      throw new KvfoldError(
        "log-likelihood",
        `A text of ${tokens.length} tokens has nothing to score; give at least 2.`,
      );
    const chunk = options.chunk ?? 256;
    if (!Number.isInteger(chunk) || chunk < 1)
      throw new KvfoldError("log-likelihood", `chunk must be a positive integer; got ${chunk}.`);
    const ids = Int32Array.from(tokens);
    const cache = options.cache ?? this.createCache(options.policy ?? full());
    const scores = new Float32Array(ids.length - 1);
    try {
      for (let start = 0; start < ids.length; start += chunk) {
        const part = ids.subarray(start, Math.min(start + chunk, ids.length));
        const labels = ids.subarray(start + 1, start + 1 + part.length);
        const hidden = await this.decoder.hiddenAsync(cache, [part]);
        await this.scoreChunk(hidden, labels, scores.subarray(start));
        hidden.dispose();
      }
    } finally {
      if (!options.cache) cache.dispose();
    }
    return scores;
  }

  /** Generates text; see {@link generate}. */
  generate(prompt: Prompt, options: GenerateOptions = {}): Generation {
    return generate(this, prompt, options);
  }

  /** Frees the weights and closes files. Caches are their makers'. */
  dispose(): void {
    this.decoder.dispose(this.release);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Scores at most 64 positions a time: a vocabulary of 128 K ids costs 33 MB then. */
  private async scoreChunk(hidden: tf.Tensor3D, labels: Int32Array, out: Float32Array): Promise<void> {
    const width = hidden.shape[2];
    const rows = tf.reshape(hidden, [-1, width]) as tf.Tensor2D;
    for (let at = 0; at < labels.length; at += 64) {
      const count = Math.min(64, labels.length - at);
      const loss = tf.tidy(() => {
        const logits = this.decoder.logits(tf.slice(rows, [at, 0], [count, width]));
        return crossEntropy({ logits, labels: tf.tensor1d(labels.subarray(at, at + count), "int32") }, {});
      });
      const values = await loss.data();
      for (let i = 0; i < count; i++) out[at + i] = -(values[i] as number);
      loss.dispose();
    }
    rows.dispose();
  }
}

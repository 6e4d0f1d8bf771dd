import { embedding, KvfoldError, linear, Rope, rmsNorm } from "@kvfold/core";
import { type CachePolicy, KvCache, type Step, stepRecorder } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { borrowedChannel } from "../config/borrowed-channel.js";
import type { ModelConfig } from "../config/model-config.js";
import { DecodeRecording, type RecordableDecoder } from "./decode-recording.js";
import { type DecoderLayerContext, decoderLayer } from "./decoder-layer.js";
import type { DecoderWeights, EmbeddingRows } from "./decoder-weights.js";
import { disposeDecoderWeights } from "./load-decoder-weights.js";
import { atOnce, inTurns, type Parts } from "./parts.js";

/** Options of {@link Decoder.forward}. */
export interface ForwardOptions {
  /** `last`: logits after each row's last token, `[rows, vocab]`. `all`: after every token, `[rows, tokens, vocab]`. Default `last`. */
  readonly logits?: "last" | "all";
  /** Cache rows that the token lists belong to, ascending. Default: all, in order. */
  readonly rows?: readonly number[];
  /** True with the last chunk of a prompt. Default false. */
  readonly endOfPrefill?: boolean;
}

/** Which tokens of which rows a call brings. */
type LayerCall = Pick<DecoderLayerContext, "rows" | "lengths" | "tokens" | "endOfPrefill">;

/** A Llama-family decoder: token ids in, logits out; the cache decides what attention sees. Owns its weights. */
export class Decoder {
  readonly config: ModelConfig;
  readonly weights: DecoderWeights;
  private readonly rope: Rope;
  private readonly ropeLocal: Rope | undefined;
  /** A recorded step has the addresses of the weights, which then are nobody's. */
  private disposed = false;
  /** Steps under way that give the event loop turns. */
  private running = 0;
  /** What is called when weights are freed, which is once. */
  private whenFreed: (() => void) | undefined;
  private readonly recordable: RecordableDecoder = {
    embed: (ids) => this.embedded(this.weights.embedding as EmbeddingRows, ids),
    decode: (x, cache, step) => this.decodeParts(x, cache, step),
  };

  constructor(config: ModelConfig, weights: DecoderWeights) {
    this.config = config;
    this.weights = weights;
    try {
      this.rope = new Rope(config.rope);
      this.ropeLocal = config.ropeLocal && new Rope(config.ropeLocal);
    } catch (error) {
      disposeDecoderWeights(weights); // owned from here on, and nobody gets this decoder to dispose
      throw error;
    }
  }

  /**
   * A cache of this model's shape.
   * @param rows sequences in the batch, default 1
   * @param codec storage of its entries, default `f32`; see `KvCacheOptions`
   */
  createCache(policy: CachePolicy, rows = 1, codec = "f32"): KvCache {
    const { layers, queryHeads, kvHeads, headDim } = this.config;
    return new KvCache({ policy, layers, queryHeads, kvHeads, headDim, rows, codec });
  }

  /**
   * Runs new tokens through the model on top of what the cache holds.
   *
   * @param tokens one list of ids a row; lists may differ in length
   * @returns logits, see {@link ForwardOptions.logits}; positions behind the end of a shorter list hold no meaning
   * @throws KvfoldError `token-id` for ids outside the vocabulary, `attention-shape` for a cache of another shape,
   * `decoder-disposed` after {@link dispose}
   */
  forward(cache: KvCache, tokens: readonly ArrayLike<number>[], options: ForwardOptions = {}): tf.Tensor {
    cache.checkFree();
    return tf.tidy(() => atOnce(this.forwardParts(cache, tokens, options, true)));
  }

  /**
   * As {@link forward}, but the event loop has turns while it computes, between layers and within a recorded step, so that a
   * server goes on answering. Until it is done the cache is held: what else would change it throws `cache-busy`. A cache or a
   * decoder that is disposed of meanwhile is freed when this has ended, with an error.
   */
  forwardAsync(cache: KvCache, tokens: readonly ArrayLike<number>[], options: ForwardOptions = {}): Promise<tf.Tensor> {
    return this.holding(cache, () => this.forwardParts(cache, tokens, options, false));
  }

  /** The residual stream after all layers, before the final norm, `[rows, tokens, hidden]`. */
  hidden(cache: KvCache, tokens: readonly ArrayLike<number>[], options: ForwardOptions = {}): tf.Tensor3D {
    cache.checkFree();
    return tf.tidy(() => atOnce(this.hiddenParts(cache, tokens, options)));
  }

  /** As {@link hidden}, with turns for the event loop as {@link forwardAsync} has them. */
  hiddenAsync(
    cache: KvCache,
    tokens: readonly ArrayLike<number>[],
    options: ForwardOptions = {},
  ): Promise<tf.Tensor3D> {
    return this.holding(cache, () => this.hiddenParts(cache, tokens, options));
  }

  private async holding<T>(cache: KvCache, parts: () => Parts<T>): Promise<T> {
    const release = cache.hold();
    const backend = tf.getBackend();
    this.running++;
    try {
      return await inTurns(parts(), () => {
        this.checkAlive();
        cache.checkAlive();
        if (tf.getBackend() !== backend) {
          throw new KvfoldError(
            "backend-changed",
            `The backend '${tf.getBackend()}' was chosen while a step ran on '${backend}', whose cache now holds part of it: reset() the cache, and await steps first.`,
          );
        }
      });
    } finally {
      release();
      this.running--;
      this.freeWhenIdle();
    }
  }

  private *forwardParts(
    cache: KvCache,
    tokens: readonly ArrayLike<number>[],
    options: ForwardOptions,
    whole: boolean,
  ): Parts<tf.Tensor> {
    const step = options.logits === "all" ? undefined : this.decodeStep(cache, tokens, options);
    if (step) {
      const ids = this.checkedIds(tokens, 1);
      return yield* DecodeRecording.of(this.recordable, cache, step.rows).run(ids, step, whole);
    }
    const hidden = yield* this.hiddenParts(cache, tokens, options);
    const [rows, longest, width] = hidden.shape;
    const logits = tf.tidy(() => {
      const flat = tf.reshape(hidden, [rows * longest, width]) as tf.Tensor2D;
      if (options.logits === "all") return tf.reshape(this.logits(flat), [rows, longest, this.config.vocabSize]);
      const last = tokens.map((list, row) => row * longest + list.length - 1);
      return this.logits(
        rows === 1 ? tf.slice(flat, [last[0] ?? 0, 0], [1, -1]) : (tf.gather(flat, last) as tf.Tensor2D),
      );
    });
    hidden.dispose();
    return logits;
  }

  private *decodeParts(x: tf.Tensor2D, cache: KvCache, { rows, lengths, tokens }: Step): Parts<tf.Tensor2D> {
    const hidden = yield* this.throughLayers(x, cache, { rows, lengths, tokens, endOfPrefill: false });
    const logits = this.logits(hidden);
    hidden.dispose();
    return logits;
  }

  private *hiddenParts(
    cache: KvCache,
    tokens: readonly ArrayLike<number>[],
    options: ForwardOptions,
  ): Parts<tf.Tensor3D> {
    this.checkAlive();
    const { config } = this;
    const rows = options.rows ?? cache.tokens.map((_, row) => row);
    if (tokens.length !== rows.length || tokens.some((list) => list.length === 0)) {
      throw new KvfoldError(
        "forward-rows",
        `forward takes one non-empty list of token ids for each of ${rows.length} rows; got lengths [${tokens.map((list) => list.length)}].`,
      );
    }
    const lengths = tokens.map((list) => list.length);
    const longest = Math.max(...lengths);
    const call = { rows, lengths, tokens: longest, endOfPrefill: options.endOfPrefill ?? false };
    const input = tf.tidy(() => this.embed(tokens, longest));
    let x = input;
    try {
      x = yield* this.throughLayers(input, cache, call);
      return tf.reshape(x, [rows.length, longest, config.hiddenSize]);
    } finally {
      tf.dispose([input, x]);
    }
  }

  /** The residual stream `[rows * tokens, hidden]` behind all layers, a part each; the input stays the caller's. */
  private *throughLayers(input: tf.Tensor2D, cache: KvCache, call: LayerCall): Parts<tf.Tensor2D> {
    const { config } = this;
    let x = input;
    try {
      for (const [i, layer] of config.perLayer.entries()) {
        if (i > 0) yield;
        const weights = this.weights.layers[i];
        if (!weights) throw new Error(`no weights for layer ${i}`);
        const rope = layer.useRope ? (layer.ropeKind === "local" ? this.ropeLocal : this.rope) : undefined;
        const borrowed = borrowedChannel(config.retrofit, i, config.headDim);
        const next = decoderLayer(x, { config, layer, weights, rope, borrowed, ...call, cache: cache.layer(i) });
        if (x !== input) x.dispose();
        x = next;
      }
      return x;
    } catch (error) {
      if (x !== input) x.dispose();
      throw error;
    }
  }

  /** The step, when it is one token for each row and may be recorded; undefined for anything else. */
  private decodeStep(cache: KvCache, tokens: readonly ArrayLike<number>[], options: ForwardOptions): Step | undefined {
    this.checkAlive();
    const rows = options.rows ?? cache.tokens.map((_, row) => row);
    const table = this.weights.embedding;
    const fits = tokens.length === rows.length && tokens.every((list) => list.length === 1) && !options.endOfPrefill;
    if (!fits || table instanceof tf.Tensor || tf.engine().state.gradientDepth > 0 || !stepRecorder()) return undefined;
    const seen = cache.tokens;
    return { rows, tokens: 1, lengths: rows.map(() => 1), starts: rows.map((row) => seen[row] ?? 0) };
  }

  private checkAlive(): void {
    if (this.disposed) throw new KvfoldError("decoder-disposed", "This model was disposed; load it again.");
  }

  /** Logits of a residual stream `[n, hidden]`: `[n, vocab]`. */
  logits(hidden: tf.Tensor2D): tf.Tensor2D {
    const { normEpsilon, normWeightOffset } = this.config;
    return tf.tidy(() => {
      const x = rmsNorm(
        { x: hidden, weight: this.weights.finalNorm },
        { epsilon: normEpsilon, weightOffset: normWeightOffset },
      );
      return linear(x, this.weights.head) as tf.Tensor2D;
    });
  }

  /**
   * Frees weights and tables, at the end of a step that is under way. Caches are their makers'.
   *
   * @param freed called when that is done
   */
  dispose(freed: () => void = () => undefined): void {
    if (this.disposed) return;
    this.disposed = true;
    this.whenFreed = freed;
    this.freeWhenIdle();
  }

  /** Frees once what was disposed of, when no step is under way. */
  private freeWhenIdle(): void {
    const freed = this.whenFreed;
    if (this.running > 0 || freed === undefined) return;
    this.whenFreed = undefined;
    disposeDecoderWeights(this.weights);
    this.rope.dispose();
    this.ropeLocal?.dispose();
    freed();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Ids of all rows, padded to the longest. */
  private checkedIds(tokens: readonly ArrayLike<number>[], longest: number): Int32Array<ArrayBuffer> {
    const { vocabSize } = this.config;
    const ids = new Int32Array(tokens.length * longest);
    tokens.forEach((list, row) => {
      for (let t = 0; t < list.length; t++) {
        const id = list[t] as number;
        if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
          throw new KvfoldError("token-id", `Token id ${id} is outside this model's vocabulary of ${vocabSize} ids.`);
        }
        ids[row * longest + t] = id;
      }
    });
    return ids;
  }

  private embed(tokens: readonly ArrayLike<number>[], longest: number): tf.Tensor2D {
    const { hiddenSize, embeddingScale } = this.config;
    const ids = this.checkedIds(tokens, longest);
    const { embedding: table } = this.weights;
    if (!(table instanceof tf.Tensor)) return tf.tensor2d(this.embedded(table, ids), [ids.length, hiddenSize]);
    const x = embedding({ table, ids: tf.tensor1d(ids, "int32") }, {});
    return (embeddingScale === 1 ? x : tf.mul(x, embeddingScale)) as tf.Tensor2D;
  }

  /** Rows of the table, scaled. */
  private embedded(table: EmbeddingRows, ids: ArrayLike<number>): Float32Array {
    const { embeddingScale } = this.config;
    const values = table.read(ids);
    if (embeddingScale !== 1)
      for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * embeddingScale;
    return values;
  }
}

import { readInto } from "@kvfold/core";
import type { CacheStats, KvCache } from "@kvfold/kv-cache";
import type { LanguageModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import type { NamedPolicy } from "../model/policies.js";
import { type Spread, spreadOf } from "./spread.js";

/** What {@link measure} runs. */
export interface MeasureOptions {
  readonly model: LanguageModel;
  readonly policies: readonly NamedPolicy[];
  /** Storage of the caches' entries. */
  readonly codec: string;
  /** Tokens of a timed prompt; 0 measures no prefill. */
  readonly prompt: number;
  /** Tokens that are decoded and timed; 0 measures no decoding. */
  readonly gen: number;
  /** Tokens in the cache before each run, ascending. */
  readonly depths: readonly number[];
  readonly repeat: number;
  /** Told as work goes on: token steps done, and in all. */
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** Speeds of one policy at one depth, tokens a second. */
export interface Measured {
  readonly spec: string;
  readonly depth: number;
  readonly prefill: Spread | undefined;
  readonly decode: Spread | undefined;
  /** The cache at the end of a decode run, else of a prefill run. */
  readonly stats: CacheStats;
}

/** Prompt tokens a call, as in `generate`. */
const CHUNK = 512;

interface Subject {
  readonly named: NamedPolicy;
  /** Filled to the present depth; runs work on forks of it. */
  readonly base: KvCache;
}

/**
 * Measures prefill and decoding of every policy at every depth. A policy's cache is filled once and grows from depth to
 * depth; each run starts from a fork. At each depth all policies run once unmeasured, then in turns, so that a slow
 * minute of the machine meets them all. Token ids are pseudo-random, the same in every run.
 */
export async function measure(options: MeasureOptions): Promise<Measured[]> {
  const { model, policies, codec, prompt, gen, depths, repeat } = options;
  const longest = Math.max(...depths) + Math.max(prompt, gen);
  const ids = await tokenIds(model, longest);
  const work = new Work(
    options,
    policies.length * (Math.max(...depths) + depths.length * (repeat + 1) * (prompt + gen)),
  );
  const subjects: Subject[] = [];
  const results: Measured[] = [];
  try {
    for (const named of policies) subjects.push({ named, base: model.createCache(named.policy, { codec }) });
    let filled = 0;
    for (const depth of depths) {
      for (const { base } of subjects) await work.prefill(base, ids.subarray(filled, depth));
      filled = depth;
      const text = ids.subarray(depth);
      const runs = subjects.map(() => ({ prefill: [] as number[], decode: [] as number[], stats: [] as CacheStats[] }));
      for (let turn = 0; turn <= repeat; turn++) {
        for (const [i, { base }] of subjects.entries()) {
          const run = turn === 0 ? { prefill: [], decode: [], stats: [] } : (runs[i] as (typeof runs)[number]);
          if (prompt > 0) {
            using cache = base.fork();
            run.prefill.push(prompt / (await work.prefill(cache, text.subarray(0, prompt))));
            if (gen === 0) run.stats.push(cache.stats());
          }
          if (gen > 0) {
            using cache = base.fork();
            run.decode.push(gen / (await work.decode(cache, text.subarray(0, gen))));
            run.stats.push(cache.stats());
          }
        }
      }
      subjects.forEach(({ named }, i) => {
        const { prefill, decode, stats } = runs[i] as (typeof runs)[number];
        results.push({
          spec: named.spec,
          depth,
          prefill: prompt > 0 ? spreadOf(prefill) : undefined,
          decode: gen > 0 ? spreadOf(decode) : undefined,
          stats: stats.at(-1) as CacheStats,
        });
      });
    }
    return results;
  } finally {
    for (const { base } of subjects) base.dispose();
  }
}

/** Runs tokens through the model and takes the time, logits read back. Between calls timers and signals run. */
class Work {
  private readonly options: MeasureOptions;
  private readonly total: number;
  private readonly logits: Float32Array;
  private done = 0;

  constructor(options: MeasureOptions, total: number) {
    this.logits = new Float32Array(options.model.config.vocabSize);
    this.options = options;
    this.total = total;
  }

  /** @returns seconds */
  async prefill(cache: KvCache, tokens: Int32Array): Promise<number> {
    let seconds = 0;
    for (let at = 0; at < tokens.length; at += CHUNK) {
      seconds += await this.step(cache, tokens.subarray(at, at + CHUNK), at + CHUNK >= tokens.length);
    }
    return seconds;
  }

  /** @returns seconds */
  async decode(cache: KvCache, tokens: Int32Array): Promise<number> {
    let seconds = 0;
    for (let at = 0; at < tokens.length; at++) seconds += await this.step(cache, tokens.subarray(at, at + 1), false);
    return seconds;
  }

  private async step(cache: KvCache, tokens: Int32Array, endOfPrefill: boolean): Promise<number> {
    const { model, signal, onProgress } = this.options;
    signal.throwIfAborted();
    const start = performance.now();
    const logits = model.forward(cache, [tokens], { endOfPrefill });
    await readInto(logits, this.logits);
    const seconds = (performance.now() - start) / 1000;
    logits.dispose();
    this.done += tokens.length;
    onProgress(this.done, this.total);
    await tf.nextFrame();
    return seconds;
  }
}

async function tokenIds(model: LanguageModel, count: number): Promise<Int32Array> {
  const { Random } = await import("@kvfold/models");
  const random = new Random(1);
  return Int32Array.from({ length: count }, () => Math.floor(random.next() * model.config.vocabSize));
}

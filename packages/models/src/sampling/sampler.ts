import { KvfoldError } from "@kvfold/core";
import { argMax, candidates, penaliseRepetition } from "./candidates.js";
import type { TokenDraw } from "./draw-tokens.js";
import { Random } from "./random.js";
import { checkSamplingOptions, type SamplingOptions } from "./sampling-options.js";

/** Draws tokens; holds the state of its random numbers, so one sampler belongs to one text. */
export class Sampler {
  readonly random: Random;
  private readonly options: Required<SamplingOptions>;

  /** @throws KvfoldError `sampling-options` for options out of range */
  constructor(options: SamplingOptions = {}) {
    checkSamplingOptions(options);
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    this.options = {
      temperature: 0,
      topK: Number.POSITIVE_INFINITY,
      topP: 1,
      minP: 0,
      repetitionPenalty: 1,
      ...options,
      seed,
    };
    this.random = new Random(seed);
  }

  /**
   * The next token.
   *
   * @param logits `[vocab]`
   * @param seen tokens of the text so far, for the repetition penalty
   * @throws KvfoldError `logits-not-finite` when the logits hold NaN or plus infinity (minus infinity excludes a token)
   */
  next(logits: Float32Array, seen: Iterable<number>): number {
    const { temperature, repetitionPenalty } = this.options;
    const scores = repetitionPenalty === 1 ? logits : penaliseRepetition(logits, seen, repetitionPenalty);
    const best = checkFinite(scores, argMax(scores));
    if (temperature === 0) return best;
    const { ids, probabilities } = candidates(scores, this.options);
    let left = this.random.next();
    for (let i = 0; i < ids.length; i++) {
      left -= probabilities[i] as number;
      if (left < 0) return ids[i] as number;
    }
    return ids[ids.length - 1] as number;
  }

  /** What {@link next} would do, for a backend that does it; tell {@link drawn} what came of it. */
  plan(vocab: number, seen: Iterable<number>): TokenDraw {
    const { topK, repetitionPenalty, ...rest } = this.options;
    const plan = { ...rest, repetitionPenalty, topK: topK < vocab ? topK : 0, random: this.random.state >>> 0 };
    return repetitionPenalty === 1 ? plan : { ...plan, seen: bitsOf(seen, vocab) };
  }

  /**
   * Takes a token that was drawn as {@link plan} says.
   *
   * @param token -1 when the logits were not numbers
   * @throws KvfoldError `logits-not-finite` as {@link next}
   */
  drawn(token: number): number {
    if (token < 0) throw notFinite();
    if (this.options.temperature > 0) this.random.next();
    return token;
  }
}

/** Ids below `vocab`, a bit each. */
function bitsOf(ids: Iterable<number>, vocab: number): Uint32Array {
  const bits = new Uint32Array(Math.ceil(vocab / 32));
  for (const id of ids) if (id < vocab) bits[id >>> 5] = (bits[id >>> 5] as number) | (1 << (id & 31));
  return bits;
}

/** Returns `best`; a broken model would otherwise go on with token 0 for ever. */
function checkFinite(logits: Float32Array, best: number): number {
  let numbers = Number.isFinite(logits[best]);
  for (let i = 0; i < logits.length && numbers; i++) numbers = !Number.isNaN(logits[i]);
  if (numbers) return best;
  throw notFinite();
}

function notFinite(): KvfoldError {
  return new KvfoldError(
    "logits-not-finite",
    "The model's logits are not finite numbers, so no token can be drawn: its weights are damaged, or values overflowed. Try f32 weights, or another backend.",
  );
}

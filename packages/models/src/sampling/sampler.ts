import { argMax, candidates, penaliseRepetition } from "./candidates.js";
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
   */
  next(logits: Float32Array, seen: Iterable<number>): number {
    const { temperature, repetitionPenalty } = this.options;
    const scores = repetitionPenalty === 1 ? logits : penaliseRepetition(logits, seen, repetitionPenalty);
    if (temperature === 0) return argMax(scores);
    const { ids, probabilities } = candidates(scores, this.options);
    let left = this.random.next();
    for (let i = 0; i < ids.length; i++) {
      left -= probabilities[i] as number;
      if (left < 0) return ids[i] as number;
    }
    return ids[ids.length - 1] as number;
  }
}

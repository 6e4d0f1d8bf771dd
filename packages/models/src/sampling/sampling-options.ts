import { KvfoldError } from "@kvfold/core";

/** How the next token is drawn from the logits. */
export interface SamplingOptions {
  /** Divides the logits. 0 takes the most likely token. Default 0. */
  readonly temperature?: number;
  /** Draws among the k most likely tokens. Default: all. */
  readonly topK?: number;
  /** Draws among the fewest tokens whose probabilities sum to at least this, in 0..1 (nucleus). Default 1: all. */
  readonly topP?: number;
  /** Leaves out tokens less likely than this share of the most likely one, in 0..1. Default 0: none. */
  readonly minP?: number;
  /** Divides positive and multiplies negative logits of tokens that were already there (prompt included). Default 1: none. */
  readonly repetitionPenalty?: number;
  /** Seed of the draws; the same seed gives the same text. Default: a new one each time. */
  readonly seed?: number;
}

/** @throws KvfoldError `sampling-options` that names the first option out of range */
export function checkSamplingOptions(options: SamplingOptions): void {
  const { temperature, topK, topP, minP, repetitionPenalty, seed } = options;
  require("temperature", temperature, (x) => x >= 0, "a number from 0 (greedy) up");
  require("topK", topK, (x) => Number.isInteger(x) && x >= 1, "a whole number from 1 up");
  require("topP", topP, (x) => x > 0 && x <= 1, "above 0 and at most 1");
  require("minP", minP, (x) => x >= 0 && x <= 1, "from 0 to 1");
  require("repetitionPenalty", repetitionPenalty, (x) => x > 0, "above 0 (1 is none)");
  require("seed", seed, (x) => Number.isInteger(x), "a whole number");
}

function require(name: string, value: number | undefined, fits: (x: number) => boolean, wanted: string): void {
  if (value === undefined || (Number.isFinite(value) && fits(value))) return;
  throw new KvfoldError("sampling-options", `${name} must be ${wanted}; got ${value}.`);
}

import type { CachePolicy, NewTokens } from "../policy.js";
import type { StoreFactory } from "../store.js";
import type { TextTokens } from "./draw-texts.js";

/** A policy under test, and what the laws must know about it beyond its traits. */
export interface LawSubject {
  /** Row title of the matrix. */
  readonly name: string;
  readonly policy: () => CachePolicy;
  /** Entries that a lane may hold between calls. Absent: the policy promises no budget, and law 6 does not apply. */
  readonly budget?: number;
  /** The policy with options under which it keeps every token (law 9). Absent: it has no such options. */
  readonly allAppend?: () => CachePolicy;
  /** The policy with options under which its training form decides hard (law 10). Default: `policy`. */
  readonly hardTraining?: () => CachePolicy;
  /** Changes random tokens so that the policy has something to decide (DMC: the decision neuron near the offset). */
  readonly shapeTokens?: (tokens: TextTokens, random: () => number) => void;
  /** Distance of the nearest decision from its threshold; cases below 1e-4 are redrawn. Scored drops need no margin. */
  readonly margin?: (tokens: NewTokens) => number;
  /** Layers of the test caches. Default 2. */
  readonly layers?: number;
  /**
   * Storage of the test caches' entries, where it rounds: its name, and how far the outputs of attention may be from those
   * over float32 entries, absolute, for values near 1. Default: float32.
   */
  readonly codec?: { readonly name: string; readonly tolerance: number };
  /** Stores to test with. Default: those of the current backend. */
  readonly store?: StoreFactory;
}

/** What a law found: broken cases in sentences (none: the law holds), or why it does not apply. */
export type LawOutcome = { readonly violations: readonly string[] } | { readonly notApplicable: string };

/** One law of a cache policy, checked on the current backend. */
export interface Law {
  readonly number: number;
  /** The law in one sentence. */
  readonly title: string;
  readonly check: (subject: LawSubject) => Promise<LawOutcome>;
}

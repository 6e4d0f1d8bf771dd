import { KvfoldError } from "@kvfold/core";
import { checkLearnedOptions, specOf, withDefaults } from "./learned-options.js";

/** How a model was retrofitted with DMC, and how to run it. */
export interface DmcOptions {
  /**
   * Neuron that carries the decision (in k) and the importance (in q): `last` as in the released code, `first` as in the
   * paper. Weights are not interchangeable between the two. Default `last`.
   */
  readonly neuron?: "first" | "last";
  /** Subtracted from the decision neuron and added to the importance neuron. Default 5. */
  readonly offset?: number;
  /** Added to the importance, so that no weight is ever 0. Default 2^-7, what the released decoder uses. */
  readonly epsilon?: number;
  /** Tokens that an average reaches back to; `null` for the whole segment. Default 12. */
  readonly window?: number | null;
  /**
   * Merge probability from which a token merges, in 0..1, not included. Default 0.5, the trained rule. Lower merges
   * more: fewer bytes, less quality, no retraining.
   */
  readonly threshold?: number;
  /** Layers that fold; the others keep every token and lose no channel. Default: all. */
  readonly layers?: readonly number[];
  /**
   * Who decides: every KV `head` for itself, or the first one for its whole `layer` (constrained DMC, DMC-C: all heads of
   * a layer hold equally many entries). Must be what the model was trained with. Default `head`.
   */
  readonly granularity?: "head" | "layer";
  /**
   * Compression ratio that the retrofit aimed at, tokens per entry, at least 1. Only `estimate` uses it. Default 1, the
   * safe side: plans for a cache in which nothing merges.
   */
  readonly targetRatio?: number;
  /**
   * For speed runs: decisions are not the model's but forced, so that the folding lanes hold tokens / force entries on
   * average and their own ratios spread over 1 to 16. The text is meaningless then. Between 1 and 16; excludes `threshold`.
   */
  readonly force?: number;
}

/** Options with every default filled in; `layers` undefined is all, `force` undefined lets the model decide. */
export type ResolvedDmcOptions = Required<Omit<DmcOptions, "layers" | "force">> & {
  readonly layers: readonly number[] | undefined;
  readonly force: number | undefined;
};

const defaults: ResolvedDmcOptions = {
  neuron: "last",
  offset: 5,
  epsilon: 2 ** -7,
  window: 12,
  threshold: 0.5,
  layers: undefined,
  granularity: "head",
  targetRatio: 1,
  force: undefined,
};

/** Largest window: a lane's ring of 2 x headDim + 1 numbers a token is allocated in full. */
const maxWindow = 1 << 16;

/**
 * Fills in the defaults of {@link DmcOptions} and checks every value.
 *
 * @throws KvfoldError `dmc-options` for options out of range
 */
export function resolveDmcOptions(options: DmcOptions): ResolvedDmcOptions {
  const resolved = withDefaults(options, defaults);
  check(resolved);
  if (resolved.force !== undefined && options.threshold !== undefined) {
    refuse("dmc force makes the decisions itself, so a threshold has no effect: give one of the two.");
  }
  return resolved;
}

/** The SPEC of these options: `dmc`, or `dmc:` and every option that differs from its default. */
export function dmcName(options: ResolvedDmcOptions): string {
  return specOf("dmc", options, defaults);
}

function check(options: ResolvedDmcOptions): void {
  checkLearnedOptions("dmc", options, refuse);
  const { epsilon, window, threshold } = options;
  if (!(epsilon >= 0 && epsilon < 1)) refuse(`dmc epsilon must lie in 0..1; got ${epsilon}.`);
  if (window !== null && !(Number.isInteger(window) && window >= 1 && window <= maxWindow)) {
    refuse(`dmc window must be a positive integer up to ${maxWindow}, or none for whole segments; got ${window}.`);
  }
  if (!(threshold > 0 && threshold < 1)) refuse(`dmc threshold must lie between 0 and 1; got ${threshold}.`);
}

/** @throws KvfoldError `dmc-options` */
export function refuse(message: string): never {
  throw new KvfoldError("dmc-options", message);
}

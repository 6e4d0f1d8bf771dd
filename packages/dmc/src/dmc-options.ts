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
}

/** Options with every default filled in. */
export type ResolvedDmcOptions = Required<DmcOptions>;

/** Fills in the defaults of {@link DmcOptions}. */
export function resolveDmcOptions(options: DmcOptions): ResolvedDmcOptions {
  return { neuron: "last", offset: 5, epsilon: 2 ** -7, window: 12, threshold: 0.5, ...options };
}

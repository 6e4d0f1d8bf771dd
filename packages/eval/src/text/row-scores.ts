/** What one position's logits say, in float64. */
export interface RowScores {
  /** ln of the sum of exp(logits): log-probability of id i is `logits[i] - logSum`. */
  readonly logSum: number;
  /** The most likely id; of equals the lowest. */
  readonly best: number;
}

/** Reads one row of logits. */
export function rowScores(logits: Float32Array): RowScores {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] as number) > (logits[best] as number)) best = i;
  const most = logits[best] as number;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return { logSum: most + Math.log(sum), best };
}

/** KL divergence in nats from the distribution of `logits` to that of `reference`: sum of p_ref (ln p_ref - ln p). */
export function divergence(
  reference: Float32Array,
  { logSum: referenceSum }: RowScores,
  logits: Float32Array,
  { logSum }: RowScores,
): number {
  let sum = 0;
  for (let i = 0; i < reference.length; i++) {
    const ln = (reference[i] as number) - referenceSum;
    sum += Math.exp(ln) * (ln - ((logits[i] as number) - logSum));
  }
  return Math.max(0, sum); // rounding can leave -1e-17
}

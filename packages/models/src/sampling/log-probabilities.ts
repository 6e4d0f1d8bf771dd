import { logSumExp, mostLikely } from "./candidates.js";

/** A token and its log-probability in nats, before temperature and filters. */
export interface TokenLogProbability {
  readonly token: number;
  readonly logProbability: number;
}

/** Log-probability of the drawn token, and of the `top` most likely ones, most likely first. */
export function logProbabilities(
  logits: Float32Array,
  token: number,
  top: number,
): { readonly logProbability: number; readonly alternatives: readonly TokenLogProbability[] } {
  const norm = logSumExp(logits);
  const of = (id: number) => (logits[id] as number) - norm;
  const best = top === 0 ? [] : [...mostLikely(logits, Math.min(top, logits.length))];
  return { logProbability: of(token), alternatives: best.map((id) => ({ token: id, logProbability: of(id) })) };
}

/** Tokens that may be drawn, most likely first, and their probabilities, which sum to 1. */
export interface Candidates {
  readonly ids: Int32Array;
  readonly probabilities: Float64Array;
}

/** Index of the largest number; the lowest index among equals. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/** Natural logarithm of the sum of exp(values), without overflow. */
export function logSumExp(values: ArrayLike<number>): number {
  const peak = values[argMax(values)] as number;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp((values[i] as number) - peak);
  return peak + Math.log(sum);
}

/** Hugging Face's repetition penalty: positive logits of seen tokens are divided, negative ones multiplied, once each. */
export function penaliseRepetition(logits: Float32Array, seen: Iterable<number>, penalty: number): Float32Array {
  const out = Float32Array.from(logits);
  for (const id of new Set(seen)) {
    const logit = out[id];
    if (logit !== undefined) out[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return out;
}

/**
 * Temperature, then top-k, top-p and min-p, each on what the one before left, as Hugging Face orders them.
 *
 * @param temperature above 0
 */
export function candidates(
  logits: Float32Array,
  { temperature, topK, topP, minP }: { temperature: number; topK: number; topP: number; minP: number },
): Candidates {
  const order = mostLikely(logits, Math.min(topK, logits.length));
  const peak = (logits[order[0] as number] as number) / temperature;
  let weights = Float64Array.from(order, (id) => Math.exp((logits[id] as number) / temperature - peak));
  if (topP < 1) weights = weights.subarray(0, nucleus(weights, topP));
  if (minP > 0) {
    const below = weights.findIndex((weight) => weight < minP);
    if (below > 0) weights = weights.subarray(0, below);
  }
  const total = weights.reduce((a, b) => a + b, 0);
  return { ids: order.subarray(0, weights.length), probabilities: weights.map((weight) => weight / total) };
}

/** Ids of the k largest logits, largest first; equal ones by id. */
export function mostLikely(logits: Float32Array, k: number): Int32Array {
  const ids = Int32Array.from(logits, (_, i) => i);
  const byLogit = (a: number, b: number) => (logits[b] as number) - (logits[a] as number) || a - b;
  if (k >= ids.length) return ids.sort(byLogit);
  // the k-th largest value bounds the candidates, so that only few are sorted
  const bound = Float32Array.from(logits).sort()[logits.length - k] as number;
  return ids
    .filter((id) => (logits[id] as number) >= bound)
    .sort(byLogit)
    .subarray(0, k);
}

/** How many of the leading weights it takes to reach the share `topP` of all. */
function nucleus(weights: Float64Array, topP: number): number {
  const enough = topP * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i] as number;
    if (sum >= enough) return i + 1;
  }
  return weights.length;
}

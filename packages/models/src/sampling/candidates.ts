/** Tokens that may be drawn (most likely first if there is a filter, else by id) and their probabilities, which sum to 1. */
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
  const peak = logits[argMax(logits)] as number;
  const weightOf = (id: number) => Math.exp(((logits[id] as number) - peak) / temperature);
  if (topK < logits.length) {
    const ids = mostLikely(logits, topK);
    return filtered(ids, Float64Array.from(ids, weightOf), topP, minP);
  }
  // Plain loops: the vocabulary has up to 262,144 tokens, and this runs for each token of the text.
  const all = new Float64Array(logits.length);
  for (let id = 0; id < all.length; id++) all[id] = weightOf(id);
  const total = sum(all);
  if (topP === 1 && minP === 0) {
    for (let id = 0; id < all.length; id++) all[id] = (all[id] as number) / total;
    return { ids: idsWhere(all.length, () => true), probabilities: all };
  }
  // Sorting only what may be left over, not the vocabulary, makes drawing cheap: tokens below their equal share of
  // 1 - topP weigh less than that together, so the nucleus is among the others.
  const least = Math.max(minP, ((1 - topP) * total) / all.length);
  const ids = sortedByLogit(
    logits,
    idsWhere(all.length, (id) => (all[id] as number) >= least),
  );
  return filtered(ids, Float64Array.from(ids, weightOf), topP, minP, total);
}

/** Top-p and min-p on sorted weights, the largest of which is 1; `total` is what top-p takes its share of. */
function filtered(
  ids: Int32Array,
  weights: Float64Array,
  topP: number,
  minP: number,
  total = sum(weights),
): Candidates {
  let count = topP < 1 ? nucleus(weights, topP * total) : weights.length;
  while (count > 1 && (weights[count - 1] as number) < minP) count--;
  const kept = weights.subarray(0, count);
  const keptTotal = sum(kept);
  return { ids: ids.subarray(0, count), probabilities: kept.map((weight) => weight / keptTotal) };
}

/** Ids of the k largest logits, largest first; equal ones by id. */
export function mostLikely(logits: Float32Array, k: number): Int32Array {
  if (k > INSERTION_LIMIT) {
    if (k >= logits.length) return sortedByLogit(logits, Int32Array.from(logits.keys()));
    // the k-th largest value bounds the candidates, so that few are sorted
    const bound = Float32Array.from(logits).sort()[logits.length - k] as number;
    return sortedByLogit(
      logits,
      idsWhere(logits.length, (id) => (logits[id] as number) >= bound),
    ).subarray(0, k);
  }
  const ids = new Int32Array(Math.min(k, logits.length));
  let count = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (count === ids.length && !(logit > (logits[ids[count - 1] as number] as number))) continue;
    let at = count < ids.length ? count++ : count - 1;
    for (; at > 0 && logit > (logits[ids[at - 1] as number] as number); at--) ids[at] = ids[at - 1] as number;
    ids[at] = id;
  }
  return ids.subarray(0, count);
}

/** Up to here, inserting into a sorted list is faster than sorting the vocabulary. */
const INSERTION_LIMIT = 256;

function idsWhere(count: number, fits: (id: number) => boolean): Int32Array<ArrayBuffer> {
  const ids = new Int32Array(count);
  let length = 0;
  for (let id = 0; id < count; id++) if (fits(id)) ids[length++] = id;
  return ids.slice(0, length);
}

function sortedByLogit(logits: Float32Array, ids: Int32Array<ArrayBuffer>): Int32Array {
  return ids.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
}

/** How many of the leading weights it takes to reach `enough`. */
function nucleus(weights: Float64Array, enough: number): number {
  let reached = 0;
  for (let i = 0; i < weights.length; i++) {
    reached += weights[i] as number;
    if (reached >= enough) return i + 1;
  }
  return weights.length;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] as number;
  return total;
}

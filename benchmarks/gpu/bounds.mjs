// What a device can do at best, and how much of it fits: arithmetic, without a device.

/**
 * Least milliseconds of a decoding step: it must read every weight and every live byte of the caches once, and multiply every
 * weight with every row; the slower of the two.
 *
 * @param bytes of weights and live entries
 * @param parameters that every row is multiplied with
 * @param ceilings measured: `readGBs` (1e9 bytes a second), `matrixTflops` (1e12 multiplications and additions a second)
 */
export function leastStepMs({ bytes, parameters, batch }, { readGBs, matrixTflops }) {
  return Math.max(bytes / readGBs / 1e6, (2 * parameters * batch) / matrixTflops / 1e9);
}

/** Area under straight lines between points `[depth, milliseconds]`, ascending: milliseconds of all steps on the way. */
export function integrate(points) {
  return points.slice(1).reduce((sum, [depth, ms], i) => {
    const [before, msBefore] = points[i];
    return sum + ((depth - before) * (ms + msBefore)) / 2;
  }, 0);
}

/** Four depths from the prompt to the last token, evenly spread. */
export function fourDepths(prompt, generated) {
  return [0, 1, 2, 3].map((i) => prompt + Math.round((generated * i) / 3));
}

/** Pages that one sequence holds: `entries` of each of its lanes, in pages of `slots`. */
export function pagesOf(entries, slots) {
  return entries.reduce((sum, count) => sum + Math.ceil(count / slots), 0);
}

/**
 * The most sequences that fit.
 *
 * @param limit bytes that may be taken
 * @param fixed bytes that are taken whatever the batch is
 * @param each bytes of a sequence: pages, states, its share of activations
 * @param slack part of a sequence's bytes that stays free: the host knows lengths only roughly between two looks
 */
export function largestBatch({ limit, fixed, each, slack = 0.04 }) {
  return Math.max(0, Math.floor((limit - fixed) / (each * (1 + slack))));
}

/** Share of the peak that training makes use of. */
export function utilisation({ flopsPerToken, tokensPerSecond }, { matrixTflops }) {
  return (flopsPerToken * tokensPerSecond) / (matrixTflops * 1e12);
}

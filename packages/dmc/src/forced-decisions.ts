import { type LayerShape, type Step, stepTensor } from "@kvfold/kv-cache";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import { maxForcedRatio } from "./learned-options.js";

const golden = (Math.sqrt(5) - 1) / 2;

/** The layers of a model ask one after the other for the same densities. */
let last: { readonly force: number; readonly lanes: number; readonly densities: Float64Array } | undefined;

/**
 * Entries per token of the lanes of one layer, `[kvHeads]`, for speed runs.
 *
 * @param layers layers that fold; undefined: all
 */
export function layerDensities(force: number, shape: LayerShape, layers: readonly number[] | undefined): Float64Array {
  const folding = layers?.filter((layer) => layer < shape.layers) ?? Array.from({ length: shape.layers }, (_, i) => i);
  const first = folding.indexOf(shape.layer) * shape.kvHeads;
  return forcedDensities(force, folding.length * shape.kvHeads).subarray(first, first + shape.kvHeads);
}

/**
 * Entries per token of each of `lanes` lanes: the ratios (tokens per entry) spread over 1 to 16, scattered so that
 * neighbours differ; the mean of the densities is 1 / force. The same for every call.
 */
export function forcedDensities(force: number, lanes: number): Float64Array {
  if (last?.force !== force || last.lanes !== lanes) last = { force, lanes, densities: computeDensities(force, lanes) };
  return last.densities;
}

function computeDensities(force: number, lanes: number): Float64Array {
  // lane i gets the quantile of its place in a golden-ratio sequence, so that neighbours differ
  const places = Array.from({ length: lanes }, (_, lane) => ((lane + 1) * golden) % 1);
  const order = places.map((_, lane) => lane).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
  const quantile = new Float64Array(lanes);
  order.forEach((lane, rank) => {
    quantile[lane] = (rank + 0.5) / lanes;
  });
  // ratio = 16^(quantile^bend): bend 0 gives 16 everywhere, a large bend gives 1 everywhere
  const densities = (bend: number) => quantile.map((q) => maxForcedRatio ** -(q ** bend));
  const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / lanes;
  let [low, high] = [-40, 40];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (mean(densities(2 ** middle)) < 1 / force) low = middle;
    else high = middle;
  }
  return densities(2 ** ((low + high) / 2));
}

/** Entries that a lane of this density holds after `tokens` tokens. */
export function forcedEntries(density: number, tokens: number): number {
  return Math.ceil(tokens * density);
}

/**
 * Decisions `[rows, kvHeads, tokens]` (1 merges) that open entries evenly: a lane holds ceil(tokens x density) entries
 * after any number of tokens, so its ratio holds over time and in any chunking.
 */
export function forcedMerge(densities: Float64Array, step: Step): Tensor3D {
  const kvHeads = densities.length;
  return stepTensor(step, [step.rows.length, kvHeads, step.tokens], "float32", ({ rows, tokens, starts }) => {
    const width = kvHeads * tokens;
    const merge = new Float32Array(rows.length * width);
    for (const [row, start] of starts.entries()) {
      const same = starts.indexOf(start); // texts of a batch often are of one length
      if (same < row) merge.copyWithin(row * width, same * width, (same + 1) * width);
      else fillMerges(merge.subarray(row * width, (row + 1) * width), densities, start);
    }
    return merge;
  });
}

/** Decisions of one row, `[kvHeads, tokens]`. */
function fillMerges(merge: Float32Array, densities: Float64Array, start: number): void {
  const tokens = merge.length / densities.length;
  for (let at = 0; at < merge.length; at++) {
    const density = densities[Math.floor(at / tokens)] ?? 1;
    const token = start + (at % tokens);
    merge[at] = forcedEntries(density, token + 1) > forcedEntries(density, token) ? 0 : 1;
  }
}

import * as tf from "@tensorflow/tfjs-core";
import type { DecisionNoise } from "../relaxations/relaxation.js";

/**
 * Logistic(0, 1) samples, which is what the difference of two Gumbel(0, 1) samples is. Each is a pure function of (seed,
 * step, layer, sequence + row, head, token): splitting a step into accumulation parts or resuming a run changes nothing.
 */
export const logisticNoise: DecisionNoise = ([rows, heads, tokens], { seed, step, layer, sequence }) => {
  const values = new Float32Array(rows * heads * tokens);
  const perRow = heads * tokens;
  for (let row = 0; row < rows; row++) {
    fillLogistic(values.subarray(row * perRow, (row + 1) * perRow), streamKey([seed, step, layer, sequence + row]));
  }
  return tf.tensor3d(values, [rows, heads, tokens]);
};

/** Two words that name a stream of samples: two, so that no stream runs into another one's samples. */
type StreamKey = readonly [number, number];

function streamKey(parts: readonly number[]): StreamKey {
  const word = (start: number) => parts.reduce((hash, part) => mix((hash + part) ^ (part / 2 ** 32)), start);
  return [word(0x2545f491), word(0x6a09e667)];
}

/** Sample i of a stream is a hash of i under the key, turned to the quantile of a logistic distribution. */
function fillLogistic(values: Float32Array, [first, second]: StreamKey): void {
  for (let i = 0; i < values.length; i++) {
    const bits = mix(mix(Math.imul(i + 1, golden) ^ first) + second) >>> 0;
    // half steps keep both ends open, so that the logarithm is finite: samples lie within +-23
    values[i] = Math.log((bits + 0.5) / (2 ** 32 - 0.5 - bits));
  }
}

/** 2^32 / golden ratio, odd: spreads consecutive counters. */
const golden = 0x9e3779b9;

/** A bijection of 32-bit words in which every input bit changes about half of the output bits (multiply, xor-shift). */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

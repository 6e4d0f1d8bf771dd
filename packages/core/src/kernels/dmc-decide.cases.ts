import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { dmcDecide } from "./dmc-decide.js";

/** Random q and k whose decision channel lies around `middle` and `-middle`, no key nearer to the edge than 0.01. */
function inputs(
  seed: number,
  [rows, queryHeads, kvHeads, tokens, headDim]: [number, number, number, number, number],
  channel: number,
  middle: number,
) {
  const numbers = seeded(seed);
  const draw = (heads: number, center: number) => {
    const values = numbers.normals(rows * heads * tokens * headDim);
    for (let i = channel; i < values.length; i += headDim) {
      const sign = numbers.next() < 0.5 ? -1 : 1;
      values[i] = center + sign * (0.01 + 3 * numbers.next());
    }
    return tf.tensor4d(values, [rows, heads, tokens, headDim]);
  };
  return { q: draw(queryHeads, -middle), k: draw(kvHeads, middle) };
}

/** Conformance cases of {@link dmcDecide}. */
export const dmcDecideCases = kernelSuite(dmcDecide, [
  {
    title: "groups of three, the last channel",
    inputs: () => inputs(1, [2, 6, 2, 5, 8], 7, 5),
    attrs: { channel: 7, offset: 5, epsilon: 2 ** -7, edge: 0 },
  },
  {
    title: "one token, no groups, the first channel, a threshold of 0.3",
    inputs: () => inputs(2, [1, 3, 3, 1, 64], 0, 5 + Math.log(0.3 / 0.7)),
    attrs: { channel: 0, offset: 5, epsilon: 0, edge: Math.log(0.3 / 0.7) },
  },
  {
    title: "sigmoids that underflow keep a weight",
    inputs: () => inputs(3, [1, 2, 1, 7, 4], 3, 200),
    attrs: { channel: 3, offset: 0, epsilon: 0, edge: 0 },
  },
  {
    title: "an offset that no key reaches",
    inputs: () => inputs(4, [3, 4, 2, 2, 6], 5, 0),
    attrs: { channel: 5, offset: 1000, epsilon: 0.01, edge: 0 },
  },
]);

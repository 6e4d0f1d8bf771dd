import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { cacheWrite } from "./cache-write.js";

/** Numbers of any rank, `rest` behind the axis of entries. */
function inputs(seed: number, entries: number, fresh: number, rest: number[]) {
  const numbers = seeded(seed);
  return { entries: numbers.normal([entries, ...rest]), fresh: numbers.normal([fresh, ...rest]) };
}

/** Conformance cases of {@link cacheWrite}. */
export const cacheWriteCases = kernelSuite(cacheWrite, [
  {
    title: "one token for each of four lanes of different lengths",
    inputs: () => inputs(1, 9, 4, [8]),
    attrs: { laneLengths: [3, 0, 5, 1], freshCounts: [1, 1, 1, 1], replaceLast: [0, 0, 0, 0] },
  },
  {
    title: "some lanes merge into their last entry",
    inputs: () => inputs(2, 9, 4, [5]),
    attrs: { laneLengths: [3, 2, 3, 1], freshCounts: [1, 1, 1, 1], replaceLast: [1, 0, 1, 1] },
  },
  {
    title: "chunks of different sizes, one lane untouched",
    inputs: () => inputs(3, 7, 9, [3]),
    attrs: { laneLengths: [4, 2, 1], freshCounts: [5, 0, 4], replaceLast: [1, 0, 0] },
  },
  {
    title: "a column, without width",
    inputs: () => inputs(4, 5, 2, []),
    attrs: { laneLengths: [2, 3], freshCounts: [1, 1], replaceLast: [0, 1] },
  },
  {
    title: "into an empty cache",
    inputs: () => inputs(5, 0, 6, [4]),
    attrs: { laneLengths: [0, 0], freshCounts: [2, 4], replaceLast: [0, 0] },
  },
  {
    title: "nothing new",
    inputs: () => inputs(6, 5, 0, [4]),
    attrs: { laneLengths: [2, 3], freshCounts: [0, 0], replaceLast: [0, 0] },
  },
  {
    title: "lanes that are all alike, two tokens each",
    inputs: () => inputs(9, 6, 4, [3]),
    attrs: { laneLengths: [3, 3], freshCounts: [2, 2], replaceLast: [0, 0] },
  },
  {
    title: "lanes that are all alike and merge",
    inputs: () => inputs(10, 9, 6, [4]),
    attrs: { laneLengths: [3, 3, 3], freshCounts: [2, 2, 2], replaceLast: [1, 1, 1] },
  },
  {
    title: "int32 columns of lanes that are all alike",
    inputs: () => ({
      entries: tf.tensor1d(seeded(11).integers(4, 0, 100), "int32"),
      fresh: tf.tensor1d(seeded(12).integers(2, 0, 100), "int32"),
    }),
    attrs: { laneLengths: [2, 2], freshCounts: [1, 1], replaceLast: [1, 1] },
  },
  {
    title: "int32 columns",
    inputs: () => ({
      entries: tf.tensor1d(seeded(7).integers(4, 0, 100), "int32"),
      fresh: tf.tensor1d(seeded(8).integers(2, 0, 100), "int32"),
    }),
    attrs: { laneLengths: [1, 3], freshCounts: [1, 1], replaceLast: [1, 0] },
  },
]);

import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { divergenceGradient } from "./divergence-gradient.js";
import { divergenceRows } from "./divergence-rows.js";

function logits(seed: number, rows: number, n: number, scale = 2) {
  const numbers = seeded(seed);
  const one = () => numbers.normal<[number, number], tf.Rank.R2>([rows, n], scale);
  return { from: one(), to: one() };
}

const shapes = [
  { title: "one row", inputs: () => logits(1, 1, 12) },
  { title: "odd sizes", inputs: () => logits(2, 7, 131) },
  { title: "one outcome", inputs: () => logits(3, 3, 1) },
  { title: "a vocabulary", inputs: () => logits(4, 2, 4096, 3) },
  // differences of logits are in the hundreds here, and so is the divergence
  { title: "logits too large for a plain exponential", inputs: () => logits(5, 5, 40, 50), tolerance: 1e-4 },
  {
    title: "equal distributions",
    inputs: () => {
      const { from } = logits(6, 2, 9);
      return { from, to: tf.add(from, 7) as tf.Tensor2D };
    },
  },
] as const;

/** Conformance cases of {@link divergenceRows}. */
export const divergenceRowsCases = kernelSuite(
  divergenceRows,
  shapes.map((shape) => ({ ...shape, attrs: {} })),
);

/** Conformance cases of {@link divergenceGradient}. */
export const divergenceGradientCases = kernelSuite(
  divergenceGradient,
  shapes.flatMap(({ inputs, title, ...rest }) =>
    (["from", "to"] as const).map((by) => ({
      ...rest,
      title: `${title}, by ${by}`,
      inputs: () => {
        const made = inputs();
        return { ...made, dy: seeded(7).normal<[number], tf.Rank.R1>([made.from.shape[0]]) };
      },
      attrs: { by },
    })),
  ),
);

import type * as tf from "@tensorflow/tfjs-core";
import { KvfoldError } from "../errors/kvfold-error.js";
import { divergenceGradient } from "../kernels/divergence-gradient.js";
import { divergenceRows } from "../kernels/divergence-rows.js";
import { withGradient } from "./with-gradient.js";

/** Inputs of {@link divergence}. */
export interface DivergenceInputs {
  /** Logits of the distribution that expectations are taken over, `[rows, n]`. */
  readonly from: tf.Tensor2D;
  /** Logits of the other, `[rows, n]`. */
  readonly to: tf.Tensor2D;
}

/**
 * Kullback-Leibler divergence KL(softmax(from) || softmax(to)) of each row, `[rows]`, in nats, with gradients by both
 * logits. Where the backend has no kernel for it, at most five matrices of the logits' size live beside them; none is kept
 * for the backward pass.
 *
 * @throws KvfoldError `divergence-shape`
 */
export function divergence({ from, to }: DivergenceInputs): tf.Tensor1D {
  if (from.rank !== 2 || from.shape.join() !== to.shape.join()) {
    throw new KvfoldError(
      "divergence-shape",
      `divergence needs two tensors of logits [rows, n]; got [${from.shape}] and [${to.shape}].`,
    );
  }
  return withGradient({
    inputs: { from, to },
    forward: (save) => {
      save([from, to]);
      return divergenceRows({ from, to }, {});
    },
    backward: ([dy], saved) => {
      const [p, q] = saved as [tf.Tensor2D, tf.Tensor2D];
      const pull = (by: "from" | "to") => () => divergenceGradient({ from: p, to: q, dy: dy as tf.Tensor1D }, { by });
      return { from: pull("from"), to: pull("to") };
    },
  });
}

import * as tf from "@tensorflow/tfjs-core";
import { KvfoldError } from "../errors/kvfold-error.js";
import { sumRows } from "./sum-rows.js";
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
 * logits. At most five matrices of the logits' size live beside them, and none is kept for
 * the backward pass.
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
      const [norms, otherNorms] = [logSumExp(from), logSumExp(to)];
      const apart = logRatio(from, to, norms, otherNorms);
      const value = tf.tidy(() => sumRows(tf.mul(probabilities(from, norms), apart)));
      save([from, to, norms, otherNorms, value]);
      return tf.reshape(value, [from.shape[0]]) as tf.Tensor1D;
    },
    backward: ([dy], saved) => {
      const [p, q, norms, otherNorms, value] = saved as tf.Tensor2D[] as [Matrix, Matrix, Matrix, Matrix, Matrix];
      const scale = () => tf.reshape(dy as tf.Tensor, [-1, 1]);
      return {
        // p (log p - log q - KL)
        from: () => {
          const excess = tf.tidy(() => tf.sub(logRatio(p, q, norms, otherNorms), value));
          const pulled = tf.tidy(() => tf.mul(probabilities(p, norms), excess));
          excess.dispose();
          return tf.mul(pulled, scale());
        },
        // q - p
        to: () => {
          const pulled = tf.tidy(() => tf.sub(probabilities(q, otherNorms), probabilities(p, norms)));
          return tf.mul(pulled, scale());
        },
      };
    },
  });
}

type Matrix = tf.Tensor2D;

/** `[rows, 1]` */
function logSumExp(logits: Matrix): Matrix {
  return tf.tidy(() => {
    const peak = tf.max(logits, 1, true);
    return tf.add(peak, tf.log(sumRows(tf.exp(tf.sub(logits, peak)) as Matrix))) as Matrix;
  });
}

function probabilities(logits: Matrix, norms: Matrix): Matrix {
  return tf.tidy(() => tf.exp(tf.sub(logits, norms)) as Matrix);
}

/** log p - log q */
function logRatio(p: Matrix, q: Matrix, norms: Matrix, otherNorms: Matrix): Matrix {
  return tf.tidy(() => tf.sub(tf.sub(p, q), tf.sub(norms, otherNorms)) as Matrix);
}

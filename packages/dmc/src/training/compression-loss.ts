import { KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { targetPart } from "./ratio-schedule.js";

/** Options of {@link compressionLoss}. */
export interface CompressionLossOptions {
  /** Compression ratio to reach, tokens per entry, at least 1. */
  readonly ratio: number;
  /**
   * `sequence`, as in the released code: every row must reach the ratio by itself, then the mean over rows. `global`, as
   * in the paper: all rows together (of this call: accumulation parts each count for themselves). Default `sequence`.
   */
  readonly scope?: "sequence" | "global";
}

/**
 * What is missing in merged (or evicted) tokens: max(0, 1 - 1 / ratio - m), m the part of hard decisions 1[alpha > 0.5]
 * over all layers, heads and tokens, token 0 included. Gradients pass through the hard decisions as if they were alpha.
 * One-sided: compressing more costs nothing; layers and heads share one budget.
 *
 * @param alpha soft decisions of each layer that folds, noise included, `[rows, kvHeads, tokens]`
 * @throws KvfoldError `dmc-options` without layers, or for a ratio below 1
 */
export function compressionLoss(
  alpha: readonly tf.Tensor3D[],
  { ratio, scope = "sequence" }: CompressionLossOptions,
): tf.Scalar {
  if (alpha.length === 0) {
    throw new KvfoldError("dmc-options", "No layer folds, so there is no compression loss: name layers that do.");
  }
  const target = targetPart(ratio);
  return tf.tidy(() => {
    const decided = tf.addN(alpha.map((layer) => tf.sum(hardDecisions(layer), [1, 2])));
    const ofRow = alpha.reduce((sum, { shape }) => sum + shape[1] * shape[2], 0);
    const merged = tf.div(decided, ofRow);
    const missing = tf.sub(target, scope === "global" ? tf.mean(merged) : merged);
    // unlike relu, maximum passes the gradient where the target is met exactly
    return tf.mean(tf.maximum(missing, 0)) as tf.Scalar;
  });
}

/** 1 where alpha is above one half, else 0; the gradient passes unchanged. */
function hardDecisions(alpha: tf.Tensor3D): tf.Tensor3D {
  return throughHard(alpha) as tf.Tensor3D;
}

const throughHard = tf.customGrad((alpha) => ({
  value: tf.cast(tf.greater(alpha as tf.Tensor, 0.5), "float32"),
  gradFunc: (dy: tf.Tensor) => dy.clone(),
}));

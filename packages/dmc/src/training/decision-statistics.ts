import * as tf from "@tensorflow/tfjs-core";

/** What the decisions of a training step came to. */
export interface DecisionStatistics {
  /** Part of tokens merged (or evicted) `[layers][kvHeads]`, 0..1. */
  readonly merged: readonly (readonly number[])[];
  /** Tokens per entry over all layers and heads together. */
  readonly ratio: number;
}

/**
 * Part of hard decisions 1[alpha > 0.5] of each layer and head, `[layers, kvHeads]`, on the device; token 0 is counted as
 * it decided, as in the compression loss.
 *
 * @param alpha soft decisions of each layer `[rows, kvHeads, tokens]`
 */
export function mergedParts(alpha: readonly tf.Tensor3D[]): tf.Tensor2D {
  return tf.tidy(
    () => tf.stack(alpha.map((layer) => tf.mean(tf.cast(tf.greater(layer, 0.5), "float32"), [0, 2]))) as tf.Tensor2D,
  );
}

/**
 * Statistics of a step.
 *
 * @param parts of the step's accumulation parts, all of the same size: `[parts][layers][kvHeads]`, values of
 *   {@link mergedParts}
 * @param tokens tokens of a row: the most that a lane's ratio can be
 */
export function decisionStatistics(
  parts: readonly (readonly (readonly number[])[])[],
  tokens: number,
): DecisionStatistics {
  const [first = []] = parts;
  const merged = first.map((heads, layer) =>
    heads.map((_, head) => mean(parts.map((part) => part[layer]?.[head] ?? 0))),
  );
  return { merged, ratio: ratioOf(mean(merged.flat()), tokens) };
}

/**
 * Tokens per entry of lanes in which this part of the tokens merged: 1 / (1 - part), at most the lane's tokens, because
 * the first token always opens an entry (heads that merge everything are common).
 */
export function ratioOf(part: number, tokens: number): number {
  return 1 / Math.max(1 - part, 1 / tokens);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

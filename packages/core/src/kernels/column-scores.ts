import * as tf from "@tensorflow/tfjs-core";
import { batchMatMul } from "../ops/batch-matmul.js";
import type { ColumnAttentionAttrs, ColumnAttentionInputs } from "./column-attention.js";

const hidden = -1e30;

/** All scores of column attention with what is hidden far below the rest, `[rows * kvHeads, group, tokens, tokens]`. */
export function columnScores(inputs: ColumnAttentionInputs, attrs: ColumnAttentionAttrs): tf.Tensor4D {
  const { q, k, columnBias, starts } = inputs;
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const kvHeads = k.shape[1];
  const lanes = rows * kvHeads;
  const group = queryHeads / kvHeads;
  const queries = tf.reshape(tf.mul(q, attrs.scale), [lanes, group * tokens, headDim]);
  const keys = tf.transpose(tf.reshape(k, [lanes, tokens, headDim]), [0, 2, 1]);
  const products = tf.reshape(batchMatMul(queries, keys), [lanes, group, tokens, tokens]);
  // -Infinity times a mask's 0 would be NaN
  const bias = columnBias && tf.reshape(tf.maximum(columnBias, hidden), [lanes, 1, 1, tokens]);
  const scores = bias ? tf.add(products, tf.mul(bias, biasedPairs(tokens, attrs))) : products;
  const distance = distances(tokens);
  const near = tf.less(distance, attrs.window ?? tokens);
  const seen = tf.cast(tf.logicalAnd(tf.greaterEqual(distance, 0), near), "float32");
  const own = starts ? tf.mul(seen, ofDocument(starts, kvHeads)) : seen;
  return tf.add(scores, tf.mul(tf.sub(1, own), hidden)) as tf.Tensor4D;
}

/** float32 `[tokens, tokens]`: 1 where the bias of a key (column) counts for a query (row). */
export function biasedPairs(tokens: number, { biasDelay }: ColumnAttentionAttrs): tf.Tensor {
  return tf.cast(tf.greater(distances(tokens), biasDelay ?? 0), "float32");
}

/** float32 `[tokens, tokens]`: how far each key (column) is behind each query (row). */
function distances(tokens: number): tf.Tensor {
  const places = tf.range(0, tokens);
  return tf.sub(tf.reshape(places, [tokens, 1]), places);
}

/** float32 `[rows * kvHeads, 1, tokens, tokens]`: 1 where a key is not before the start of the query's document. */
function ofDocument(starts: tf.Tensor2D, kvHeads: number): tf.Tensor {
  const [rows, tokens] = starts.shape;
  const first = tf.reshape(tf.cast(starts, "float32"), [rows, 1, tokens, 1]);
  const inside = tf.cast(tf.greaterEqual(tf.range(0, tokens), first), "float32");
  return tf.reshape(tf.tile(inside, [1, kvHeads, 1, 1]), [rows * kvHeads, 1, tokens, tokens]);
}

import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Tensors of {@link raggedAttention}. `lanes` are (row, KV head) pairs, row-major; N = entries of all lanes. */
export type RaggedAttentionInputs = {
  /** Rotated queries `[rows, queryHeads, tokens, headDim]`. */
  q: tf.Tensor4D;
  /** Rotated keys of all lanes, one lane after the other, `[N, headDim]`. */
  keys: tf.Tensor2D;
  /** Values in the same order, `[N, headDim]`. */
  values: tf.Tensor2D;
  /** int32 `[rows, tokens]`: position of each query; needed when `from` or `until` is given. */
  queryPositions?: tf.Tensor2D | undefined;
  /** int32 `[N]`: an entry is visible to queries at positions >= `from`. Absent: always. */
  from?: tf.Tensor1D | undefined;
  /** int32 `[N]`: an entry is visible to queries at positions < `until`. Absent: for ever. */
  until?: tf.Tensor1D | undefined;
  /** `[rows, kvHeads, tokens, headDim]`: one own entry per query (DMC's partial segment), seen by that query only. */
  ownKeys?: tf.Tensor4D | undefined;
  /** Values of the own entries, same shape. */
  ownValues?: tf.Tensor4D | undefined;
  /** `[N]`: added to the scores of each entry for every query, never to own entries (DMC's column mask). */
  columnBias?: tf.Tensor1D | undefined;
};

/** Attributes of {@link raggedAttention}. */
export interface RaggedAttentionAttrs {
  /** Entries of each lane, `rows * kvHeads` numbers that sum to N. */
  readonly laneLengths: readonly number[];
  /** Multiplies the scores, usually `1 / sqrt(headDim)`. */
  readonly scale: number;
  /**
   * 0: no attention mass. n: also return the mass that the last n real queries of each row gave to each entry, summed
   * over those queries and averaged over the query heads of the group (H2O: all queries, TOVA: 1, SnapKV: its window).
   */
  readonly massQueries: number;
  /** Real (not padded) queries of each row; padded queries give no mass. */
  readonly queryCounts: readonly number[];
}

const hidden = -1e30;

/**
 * Attention of each query over the entries of its lane: every lane has its own length, the queries of a group share
 * their KV head without copies of keys, and each query may see one own entry. A query that sees nothing yields zeros.
 *
 * @returns `[out]` with out `[rows, queryHeads, tokens, headDim]`, or `[out, mass]` with mass `[N]` when
 * `massQueries > 0` (mass given to own entries is not reported).
 */
export const raggedAttention = defineKernel<RaggedAttentionInputs, RaggedAttentionAttrs, tf.Tensor[]>({
  name: "KvfoldRaggedAttention",
  differentiable: ["q", "keys", "values", "ownKeys", "ownValues", "columnBias"],
  reference: (inputs, attrs) => tf.tidy(() => attendLaneByLane(inputs, attrs)),
});

function attendLaneByLane(inputs: RaggedAttentionInputs, attrs: RaggedAttentionAttrs): tf.Tensor[] {
  const [rows, queryHeads, tokens, headDim] = inputs.q.shape;
  const kvHeads = attrs.laneLengths.length / rows;
  const group = queryHeads / kvHeads;
  const queries = tf.reshape(inputs.q, [rows * kvHeads, group * tokens * headDim]);
  const outs: tf.Tensor[] = [];
  const masses: tf.Tensor[] = [];
  let start = 0;
  attrs.laneLengths.forEach((length, lane) => {
    const row = Math.floor(lane / kvHeads);
    const q = tf.reshape(tf.slice(queries, [lane, 0], [1, -1]), [group * tokens, headDim]) as tf.Tensor2D;
    const own = ownEntry(inputs, lane, kvHeads);
    const visible = visibility(inputs, row, start, length);
    const k = tf.slice(inputs.keys, [start, 0], [length, headDim]) as tf.Tensor2D;
    const v = tf.slice(inputs.values, [start, 0], [length, headDim]) as tf.Tensor2D;
    const bias = inputs.columnBias && tf.slice(inputs.columnBias, [start], [length]);
    const probabilities = laneProbabilities(q, k, { group, tokens, scale: attrs.scale, visible, bias, own: own?.key });
    outs.push(weightedValues(probabilities, v, own?.value, group, tokens));
    if (attrs.massQueries > 0) {
      masses.push(laneMass(probabilities.entries, group, attrs.queryCounts[row] ?? tokens, attrs.massQueries));
    }
    start += length;
  });
  const out = tf.reshape(tf.concat(outs, 0), [rows, queryHeads, tokens, headDim]);
  return attrs.massQueries > 0 ? [out, tf.concat(masses, 0)] : [out];
}

/** The own key and value of each query of a lane, `[tokens, headDim]` each. */
function ownEntry(inputs: RaggedAttentionInputs, lane: number, kvHeads: number) {
  if (inputs.ownKeys === undefined || inputs.ownValues === undefined) return undefined;
  const at = [Math.floor(lane / kvHeads), lane % kvHeads, 0, 0];
  const pick = (x: tf.Tensor4D) => tf.reshape(tf.slice(x, at, [1, 1, -1, -1]), [x.shape[2], x.shape[3]]);
  return { key: pick(inputs.ownKeys), value: pick(inputs.ownValues) };
}

/** float32 `[tokens, length]`, 1 where the query may see the entry; undefined when all is visible. */
function visibility(inputs: RaggedAttentionInputs, row: number, start: number, length: number): tf.Tensor | undefined {
  if (inputs.from === undefined && inputs.until === undefined) return undefined;
  if (inputs.queryPositions === undefined) {
    throw new Error("raggedAttention: `from` and `until` need `queryPositions` [rows, tokens]");
  }
  const positions = tf.transpose(tf.slice(inputs.queryPositions, [row, 0], [1, -1]));
  const part = (x: tf.Tensor1D) => tf.reshape(tf.slice(x, [start], [length]), [1, length]);
  const after = inputs.from && tf.greaterEqual(positions, part(inputs.from));
  const before = inputs.until && tf.less(positions, part(inputs.until));
  const both = after && before ? tf.logicalAnd(after, before) : (after ?? before);
  return tf.cast(both as tf.Tensor, "float32");
}

interface LaneScoring {
  group: number;
  tokens: number;
  scale: number;
  visible: tf.Tensor | undefined;
  bias: tf.Tensor | undefined;
  own: tf.Tensor | undefined;
}

/** Softmax over a lane's entries and the own entry together: `entries` [group, tokens, n], `own` [group, tokens, 1]. */
function laneProbabilities(q: tf.Tensor2D, k: tf.Tensor2D, lane: LaneScoring) {
  const { group, tokens } = lane;
  const scaled = tf.mul(q, lane.scale) as tf.Tensor2D;
  let scores = tf.reshape(scoresOf(scaled, k), [group, tokens, k.shape[0]]);
  if (lane.bias) scores = tf.add(scores, lane.bias);
  if (lane.visible) scores = tf.add(scores, tf.mul(tf.sub(1, lane.visible), hidden));
  // all entries seen and none of its own, as in most decoding: one kernel in place of five
  if (!lane.visible && !lane.own && k.shape[0] > 0) return { entries: tf.softmax(scores), own: undefined };
  const ownScores =
    lane.own && tf.sum(tf.mul(tf.reshape(scaled, [group, tokens, -1]), tf.expandDims(lane.own, 0)), -1, true);
  if (k.shape[0] === 0 && ownScores) return { entries: scores, own: tf.onesLike(ownScores) };
  const entryPeak = k.shape[0] === 0 ? tf.zeros([group, tokens, 1]) : tf.max(scores, -1, true);
  const peak = ownScores ? tf.maximum(entryPeak, ownScores) : entryPeak;
  let entries = tf.exp(tf.sub(scores, peak));
  if (lane.visible) entries = tf.mul(entries, lane.visible);
  const own = ownScores && tf.exp(tf.sub(ownScores, peak));
  const entrySum = tf.sum(entries, -1, true);
  const total = own ? tf.add(entrySum, own) : entrySum;
  // the peak's own term is 1, so a sum below 1 is the 0 of a query from which a mask hides everything
  const divisor = lane.visible ? tf.maximum(total, 1) : total;
  return { entries: tf.div(entries, divisor), own: own && tf.div(own, divisor) };
}

/**
 * q k^T `[queries, n]`. Turning k costs a pass over all entries and makes it the side that wasm packs anew for every call;
 * with few queries (decoding) it is the product that is turned, seven times faster at 512 entries.
 */
function scoresOf(q: tf.Tensor2D, k: tf.Tensor2D): tf.Tensor2D {
  const few = q.shape[0] < q.shape[1];
  return few ? tf.transpose(tf.matMul(k, tf.transpose(q))) : tf.matMul(q, tf.transpose(k));
}

function weightedValues(
  p: { entries: tf.Tensor; own: tf.Tensor | undefined },
  v: tf.Tensor2D,
  ownValue: tf.Tensor | undefined,
  group: number,
  tokens: number,
): tf.Tensor {
  const headDim = v.shape[1];
  const flat = tf.reshape(p.entries, [group * tokens, v.shape[0]]) as tf.Tensor2D;
  const mixed = v.shape[0] === 0 ? tf.zeros([group * tokens, headDim]) : tf.matMul(flat, v);
  const out = tf.reshape(mixed, [group, tokens, headDim]);
  return p.own && ownValue ? tf.add(out, tf.mul(p.own, tf.expandDims(ownValue, 0))) : out;
}

/** Mass per entry `[n]`: summed over the last `wanted` real queries, averaged over the group. */
function laneMass(probabilities: tf.Tensor, group: number, real: number, wanted: number): tf.Tensor1D {
  const count = Math.min(real, wanted);
  const length = probabilities.shape[2] as number;
  const counted = tf.slice(probabilities, [0, real - count, 0], [group, count, length]);
  return tf.div(tf.sum(counted, [0, 1]), tf.scalar(group)) as tf.Tensor1D;
}

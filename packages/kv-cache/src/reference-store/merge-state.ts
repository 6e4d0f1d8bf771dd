import { dmcAccumulate, dmcFold, dmcPool, dmcSegmentPool } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";

/** New tokens of some lanes for {@link mergeTokens}; lanes are the first axis. */
export interface MergeInput {
  /** Keys (before RoPE) and values side by side, `[L, tokens, 2 * headDim]`. */
  readonly items: tf.Tensor3D;
  /** 1 merges, 0 opens, `[L, tokens]`; already 0 for the first token of a sequence. */
  readonly merge: tf.Tensor2D;
  /** Importance, `[L, tokens]`. */
  readonly omega: tf.Tensor2D;
  /** Position of each lane's first token. */
  readonly starts: readonly number[];
  /** Real tokens of each lane. */
  readonly lengths: readonly number[];
}

/** Side state of merging lanes: ring `[L, window, width + 1]` or sums `[L, width + 1]`, and the open segment's tokens. */
export interface MergeTensors {
  readonly sums: tf.Tensor;
  /** float32 `[L]` */
  readonly count: tf.Tensor1D;
}

/** State of lanes that hold nothing yet. */
export function emptyMergeTensors(lanes: number, width: number, window: number | null): MergeTensors {
  const shape = window === null ? [lanes, width + 1] : [lanes, window, width + 1];
  return { sums: tf.zeros(shape), count: tf.zeros([lanes]) };
}

/** The state of some lanes, in the given order. */
export function pickLanes(state: MergeTensors, lanes: readonly number[]): MergeTensors {
  const index = tf.tensor1d(lanes as number[], "int32");
  return { sums: tf.gather(state.sums, index), count: tf.gather(state.count, index) };
}

/** The lanes of a, then those of b. */
export function joinLanes(a: MergeTensors, b: MergeTensors): MergeTensors {
  return { sums: tf.concat([a.sums, b.sums], 0), count: tf.concat([a.count, b.count], 0) as tf.Tensor1D };
}

/** `state` with the named lanes replaced by those of `part`. */
export function putLanes(state: MergeTensors, lanes: readonly number[], part: MergeTensors): MergeTensors {
  const total = state.count.shape[0];
  const source = Array.from({ length: total }, (_, lane) => lane);
  lanes.forEach((lane, i) => {
    source[lane] = total + i;
  });
  return pickLanes(joinLanes(state, part), source);
}

/**
 * Carries the running averages over new tokens, all at once: the state after every token `[L, tokens, width]`, and the
 * new side state. The number of ops depends on the window, not on the number of tokens.
 */
export function mergeTokens(
  input: MergeInput,
  state: MergeTensors,
  window: number | null,
): { pooled: tf.Tensor3D; state: MergeTensors } {
  if (input.items.shape[1] === 1) return mergeOneToken(input, state, window);
  return window === null ? mergeUnwindowed(input, state) : mergeWindowed(input, state, window);
}

function mergeOneToken(input: MergeInput, state: MergeTensors, window: number | null) {
  const one = <T extends tf.Tensor>(x: tf.Tensor) => tf.squeeze(x, [1]) as T;
  const item = one<tf.Tensor2D>(input.items);
  const merge = one<tf.Tensor1D>(input.merge);
  const omega = one<tf.Tensor1D>(input.omega);
  if (window === null) {
    const [pooled, , sums] = dmcAccumulate({ item, merge, omega, sums: state.sums as tf.Tensor2D }, {});
    const count = tf.add(tf.mul(state.count, merge), 1) as tf.Tensor1D;
    return { pooled: tf.expandDims(pooled as tf.Tensor, 1) as tf.Tensor3D, state: { sums: sums as tf.Tensor, count } };
  }
  const slot = tf.tensor1d(input.starts.map((start) => start % window));
  const fold = { item, merge, omega, ring: state.sums as tf.Tensor3D, count: state.count, slot };
  const [pooled, , sums, count] = dmcFold(fold, {}) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor1D];
  return { pooled: tf.expandDims(pooled, 1) as tf.Tensor3D, state: { sums, count } };
}

function mergeWindowed(input: MergeInput, state: MergeTensors, window: number) {
  const [lanes, tokens, width] = input.items.shape;
  // the ring in order of age, oldest first, stands before the new tokens
  const inOrder = input.starts.map((start) => Array.from({ length: window }, (_, i) => (start + i) % window));
  const carried = perLane(state.sums, inOrder);
  const carriedOmega = tf.slice(carried, [0, 0, width], [-1, -1, 1]);
  const carriedItems = tf.divNoNan(tf.slice(carried, [0, 0, 0], [-1, -1, width]), carriedOmega);
  const ages = tf.tensor2d([Array.from({ length: window }, (_, i) => window - i)]);
  const carriedAlpha = tf.cast(tf.less(ages, tf.expandDims(state.count, -1)), "float32");
  const [pooledAll] = dmcPool(
    {
      items: tf.expandDims(tf.concat([carriedItems, input.items], 1), 1) as tf.Tensor4D,
      alpha: tf.expandDims(tf.concat([carriedAlpha, input.merge], 1), 1) as tf.Tensor3D,
      omega: tf.expandDims(tf.concat([tf.squeeze(carriedOmega, [2]), input.omega], 1), 1) as tf.Tensor3D,
    },
    { window },
  ) as [tf.Tensor4D, tf.Tensor3D];
  const pooled = tf.slice(tf.squeeze(pooledAll, [1]), [0, window, 0], [-1, tokens, -1]) as tf.Tensor3D;
  const weight = tf.expandDims(input.omega, -1);
  const weighted = tf.concat([tf.mul(input.items, weight), weight], -1);
  const all = tf.concat([carried, weighted], 1);
  const newest = input.starts.map((start, lane) => {
    const end = start + (input.lengths[lane] ?? tokens);
    // slot s holds the newest position p < end with p mod window = s, at index window + p - start of `all`
    return Array.from(
      { length: window },
      (_, s) => window + end - 1 - ((((end - 1 - s) % window) + window) % window) - start,
    );
  });
  return { pooled, state: { sums: perLane(all, newest), count: countOpen(input, state, lanes) } };
}

function mergeUnwindowed(input: MergeInput, state: MergeTensors) {
  const [lanes, tokens, width] = input.items.shape;
  const z = tf.slice(state.sums, [0, width], [-1, 1]);
  const average = tf.expandDims(tf.divNoNan(tf.slice(state.sums, [0, 0], [-1, width]), z), 1);
  const [pooledAll, zAll] = dmcSegmentPool(
    {
      items: tf.expandDims(tf.concat([average, input.items], 1), 1) as tf.Tensor4D,
      merge: tf.expandDims(tf.concat([tf.zeros([lanes, 1]), input.merge], 1), 1) as tf.Tensor3D,
      omega: tf.expandDims(tf.concat([z, input.omega], 1), 1) as tf.Tensor3D,
    },
    {},
  ) as [tf.Tensor4D, tf.Tensor3D];
  const pooled = tf.slice(tf.squeeze(pooledAll, [1]), [0, 1, 0], [-1, tokens, -1]) as tf.Tensor3D;
  const weight = tf.expandDims(tf.slice(tf.squeeze(zAll, [1]), [0, 1], [-1, tokens]), -1);
  const sums = tf.concat([tf.mul(pooled, weight), weight], -1);
  const last = input.lengths.map((length) => [length - 1]);
  return { pooled, state: { sums: tf.squeeze(perLane(sums, last), [1]), count: countOpen(input, state, lanes) } };
}

/** Tokens of the open segment after each lane's last real token: those since the last 0, or all and the old ones. */
function countOpen(input: MergeInput, state: MergeTensors, lanes: number): tf.Tensor1D {
  const tokens = input.items.shape[1];
  const lengths = tf.tensor2d(input.lengths as number[], [lanes, 1]);
  const order = tf.tensor2d([Array.from({ length: tokens }, (_, t) => t + 1)]);
  const opens = tf.mul(tf.mul(order, tf.sub(1, input.merge)), tf.cast(tf.lessEqual(order, lengths), "float32"));
  const lastOpen = tf.max(opens, 1, true);
  const since = tf.add(tf.sub(lengths, lastOpen), tf.cast(tf.greater(lastOpen, 0), "float32"));
  const carriedOver = tf.mul(tf.expandDims(state.count, -1), tf.cast(tf.equal(lastOpen, 0), "float32"));
  return tf.squeeze(tf.add(since, carriedOver), [1]) as tf.Tensor1D;
}

/** Picks along axis 1 with own indices for each lane: `[L, n, c]` → `[L, m, c]`. */
function perLane(x: tf.Tensor, indices: readonly (readonly number[])[]): tf.Tensor {
  const [lanes, n, width] = x.shape as [number, number, number];
  const flat = indices.flatMap((list, lane) => list.map((i) => lane * n + i));
  const rows = tf.gather(tf.reshape(x, [lanes * n, width]), tf.tensor1d(flat, "int32"));
  return tf.reshape(rows, [lanes, flat.length / lanes, width]);
}

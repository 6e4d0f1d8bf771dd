import * as tf from "@tensorflow/tfjs-core";

/** Numbers and tensors that are the same for a seed on every backend and machine. */
export interface Seeded {
  /** Uniform in [0, 1). */
  next(): number;
  /** Standard normal values times `scale`, rounded to float32. */
  normals(count: number, scale?: number): Float32Array;
  /** Whole numbers in `[low, high)`. */
  integers(count: number, low: number, high: number): Int32Array;
  /** float32 tensor of standard normal values times `scale` (default 1) on the current backend. */
  normal<S extends tf.ShapeMap[R], R extends tf.Rank>(shape: S & tf.ShapeMap[R], scale?: number): tf.Tensor<R>;
}

/** A source of reproducible numbers (the mulberry32 generator). */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  // Box and Muller's transform; 1 - next() is never 0.
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const normals = (count: number, scale = 1) => Float32Array.from({ length: count }, () => normal() * scale);
  return {
    next,
    normals,
    integers: (count, low, high) => Int32Array.from({ length: count }, () => low + Math.floor(next() * (high - low))),
    normal: (shape, scale) => tf.tensor(normals(tf.util.sizeFromShape([...shape]), scale), shape),
  };
}

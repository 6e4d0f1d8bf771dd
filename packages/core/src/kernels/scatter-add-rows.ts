import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link scatterAddRows}. */
export type ScatterAddRowsInputs = {
  /** `[n, dim]` */
  rows: tf.Tensor2D;
  /** int32 `[n]`, each in `[0, size)`; repeats add up. */
  ids: tf.Tensor1D;
};

/** Attributes of {@link scatterAddRows}. */
export interface ScatterAddRowsAttrs {
  /** Number of rows of the result. */
  readonly size: number;
}

/** TensorFlow.js backends whose data is not in host memory; all of them have UnsortedSegmentSum. */
const deviceBackends = new Set(["tensorflow", "webgl", "webgpu"]);

/**
 * Sum of rows by id, `[size, dim]`: the gradient of a row lookup. TensorFlow.js's wasm backend has no segment sum and the
 * one of its cpu backend passes over all rows once per id, so backends with host memory add up in a plain loop.
 */
export const scatterAddRows = defineKernel<ScatterAddRowsInputs, ScatterAddRowsAttrs, tf.Tensor2D>({
  name: "KvfoldScatterAddRows",
  reference: ({ rows, ids }, { size }) => {
    if (deviceBackends.has(tf.getBackend())) return tf.unsortedSegmentSum(rows, ids, size);
    const [count, dim] = rows.shape;
    const from = rows.dataSync<"float32">();
    const to = new Float32Array(size * dim);
    const target = ids.dataSync<"int32">();
    for (let row = 0; row < count; row++) {
      const start = (target[row] as number) * dim;
      for (let i = 0; i < dim; i++) to[start + i] = (to[start + i] as number) + (from[row * dim + i] as number);
    }
    return tf.tensor2d(to, [size, dim]);
  },
});

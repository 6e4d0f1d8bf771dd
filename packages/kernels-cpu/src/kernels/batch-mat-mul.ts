import { batchRuns } from "@kvfold/core";
import {
  type BatchMatMulAttrs,
  type BatchMatMulInputs,
  broadcast_util,
  type TensorInfo,
  util,
} from "@tensorflow/tfjs-core";
import { nativeKernel, type Present } from "../native-kernel.js";

/** Stacks of float32 matrix products, each side transposed or not, whose batch dimensions broadcast. */
export const batchMatMul = nativeKernel<Present<BatchMatMulInputs>, BatchMatMulAttrs>(
  "BatchMatMul",
  ({ inputs: { a, b }, attrs: { transposeA, transposeB }, backend, fallback }) => {
    if (a.dtype !== "float32" || b.dtype !== "float32") return fallback();
    const [m, k] = matrixShape(a, transposeA);
    const [inner, n] = matrixShape(b, transposeB);
    util.assert(
      k === inner,
      () =>
        `matMul: the inner dimensions ${k} and ${inner} of [${a.shape}]${transposeA ? " transposed" : ""} and ` +
        `[${b.shape}]${transposeB ? " transposed" : ""} must match`,
    );
    const batchA = a.shape.slice(0, -2);
    const batchB = b.shape.slice(0, -2);
    const batch = broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
    const { info, values } = backend.output([...batch, m, n]);
    if (values.length === 0) return info;
    const left = backend.floats(a);
    const right = backend.floats(b);
    for (const { first, count, aFirst, bFirst, aStep, bStep } of batchRuns(batch, batchA, batchB)) {
      backend.addon.matmulF32(
        left.subarray(aFirst * m * k),
        right.subarray(bFirst * k * n),
        values.subarray(first * m * n),
        count,
        m,
        n,
        k,
        transposeA,
        transposeB,
        aStep * m * k,
        bStep * k * n,
      );
    }
    return info;
  },
);

/** Rows and columns of the matrices of a stack, as they are multiplied. */
function matrixShape({ shape }: TensorInfo, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

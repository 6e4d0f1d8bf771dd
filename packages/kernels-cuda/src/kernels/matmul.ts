import { batchRuns } from "@kvfold/core";
import {
  type _FusedMatMulAttrs,
  type _FusedMatMulInputs,
  type BatchMatMulAttrs,
  type BatchMatMulInputs,
  broadcast_util,
  type TensorInfo,
  util,
} from "@tensorflow/tfjs-core";
import { cudaKernel, type Present, runKernel } from "../backend/cuda-kernel.js";
import { multiply } from "../matrix/multiply.js";

/** Stacks of float32 matrix products, each side transposed or not, whose batch dimensions broadcast. */
export const batchMatMul = cudaKernel<Present<BatchMatMulInputs>, BatchMatMulAttrs>(
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
    const { info, address, length } = backend.output([...batch, m, n]);
    if (length === 0) return info;
    const [left, right] = [backend.address(a), backend.address(b)];
    for (const { first, count, aFirst, bFirst, aStep, bStep } of batchRuns(batch, batchA, batchB)) {
      multiply(backend, {
        a: left + 4 * aFirst * m * k,
        b: right + 4 * bFirst * k * n,
        out: address + 4 * first * m * n,
        m,
        n,
        k,
        transposeA,
        transposeB,
        batch: count,
        aStep,
        bStep,
      });
    }
    return info;
  },
);

/** Rows and columns of the matrices of a stack, as they are multiplied. */
function matrixShape({ shape }: TensorInfo, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

type FusedInputs = Pick<Present<_FusedMatMulInputs>, "a" | "b"> & Partial<_FusedMatMulInputs>;

/** A product with a bias and an activation: one kernel after the other. */
export const fusedMatMul = cudaKernel<FusedInputs, _FusedMatMulAttrs>("_FusedMatMul", ({ inputs, attrs, backend }) => {
  const { a, b, bias, preluActivationWeights: alpha } = inputs;
  const { transposeA, transposeB, activation, leakyreluAlpha } = attrs;
  let out = runKernel(backend, "BatchMatMul", { a, b }, { transposeA, transposeB });
  const then = (kernelName: string, given: (out: TensorInfo) => Record<string, TensorInfo>, more: object = {}) => {
    const before = out;
    out = runKernel(backend, kernelName, given(before), more);
    backend.disposeData(before.dataId);
  };
  if (bias !== undefined) then("Add", (a) => ({ a, b: bias }));
  if (alpha !== undefined) then("Prelu", (x) => ({ x, alpha }));
  else if (activation === "leakyrelu") then("LeakyRelu", (x) => ({ x }), { alpha: leakyreluAlpha });
  else if (activation && activation !== "linear") then(upperFirst(activation), (x) => ({ x }));
  return out;
});

/** TensorFlow.js names activations in lower case, and their kernels with a capital. */
function upperFirst(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

import {
  type DenseLinearInputs,
  denseLinear as denseContract,
  KvfoldError,
  type NormPackedLinearsAttrs,
  normPackedLinears as normContract,
  type PackedLinearAttrs,
  type PackedWeight,
  packedLinear as packedContract,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { addToRows } from "../kernels/binary.js";
import { multiply } from "../matrix/multiply.js";
import { multiplyPacked } from "../matrix/packed-product.js";
import { checkRmsNorm, normalize } from "./rms-norm.js";

/**
 * Checks the operands of a linear layer and counts the rows of x.
 *
 * @throws KvfoldError `linear-shape` when they do not fit
 */
export function checkLinear(x: TensorInfo, inputs: number, outputs: number, bias: TensorInfo | undefined): number {
  const fits =
    x.shape.length >= 1 &&
    x.shape.at(-1) === inputs &&
    (bias === undefined || (bias.shape.length === 1 && bias.shape[0] === outputs));
  if (!fits) {
    throw new KvfoldError(
      "linear-shape",
      `A linear layer of ${inputs} inputs and ${outputs} outputs needs x [..., ${inputs}] and bias [${outputs}] or none; ` +
        `got x [${x.shape}]${bias === undefined ? "" : ` and bias [${bias.shape}]`}.`,
    );
  }
  return util.sizeFromShape(x.shape.slice(0, -1));
}

/** `x weight + bias` with a float32 weight `[in, out]`. */
export const denseLinear = cudaKernel<Record<keyof DenseLinearInputs, TensorInfo>, object>(
  denseContract.kernelName,
  ({ inputs: { x, weight, bias }, backend }) => {
    const [inputs, outputs] = weight.shape as [number, number];
    const rows = checkLinear(x, inputs, outputs, bias);
    const { info, address } = backend.output([...x.shape.slice(0, -1), outputs]);
    const sizes = {
      m: rows,
      n: outputs,
      k: inputs,
      transposeA: false,
      transposeB: false,
      batch: 1,
      aStep: 0,
      bStep: 0,
    };
    multiply(backend, { ...sizes, a: backend.address(x), b: backend.address(weight), out: address });
    if (bias !== undefined) addToRows(backend, address, [rows, outputs], { bias: backend.address(bias) });
    return info;
  },
);

/** One packed layer on rows at an address; the caller owns the result. */
function packedOutput(
  backend: CudaBackend,
  x: number,
  shape: readonly number[],
  {
    weight,
    bias,
    residual,
  }: { weight: PackedWeight; bias?: TensorInfo | undefined; residual?: TensorInfo | undefined },
): TensorInfo {
  const out = backend.output([...shape.slice(0, -1), weight.shape[0]]);
  multiplyPacked(backend, {
    x,
    rows: util.sizeFromShape(shape.slice(0, -1)),
    weight,
    y: out.address,
    bias: bias && backend.address(bias),
    residual: residual && backend.address(residual),
  });
  return out.info;
}

/** `x weight^T + bias + residual` on packed rows `[out, in]`, which stay packed on the device. */
export const packedLinear = cudaKernel<{ x: TensorInfo; bias?: TensorInfo; residual?: TensorInfo }, PackedLinearAttrs>(
  packedContract.kernelName,
  ({ inputs: { x, bias, residual }, attrs: { weight }, backend }) => {
    const [outputs, inputs] = weight.shape;
    checkLinear(x, inputs, outputs, bias);
    const shape = [...x.shape.slice(0, -1), outputs];
    if (residual !== undefined && !util.arraysEqual(residual.shape, shape)) {
      throw new KvfoldError(
        "linear-shape",
        `The residual must have the result's shape [${shape}]; got [${residual.shape}].`,
      );
    }
    return packedOutput(backend, backend.address(x), x.shape, { weight, bias, residual });
  },
);

type NormInputs = Record<"x" | "norm", TensorInfo> & Record<string, TensorInfo | undefined>;

/** A norm and up to three packed projections of it. */
export const normPackedLinears = cudaKernel<NormInputs, NormPackedLinearsAttrs>(
  normContract.kernelName,
  ({ inputs: { x, norm, ...biases }, attrs: { weights, epsilon, weightOffset }, backend }) => {
    const [rows, dim] = checkRmsNorm(x, norm);
    weights.forEach(({ shape: [outputs, inputs] }, i) => {
      checkLinear(x, inputs, outputs, biases[`bias${i}`]);
    });
    const normed = backend.scratch(4 * rows * dim);
    const addresses = { x: backend.address(x), weight: backend.address(norm), y: normed.address };
    normalize(backend, { ...addresses, rows, dim }, { epsilon, weightOffset });
    const outputs = weights.map((weight, i) =>
      packedOutput(backend, normed.address, x.shape, { weight, bias: biases[`bias${i}`] }),
    );
    backend.engine.pool.give(normed);
    return outputs;
  },
);

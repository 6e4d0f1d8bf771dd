import {
  rmsNorm as contract,
  rmsNormGradient as gradientContract,
  KvfoldError,
  type RmsNormAttrs,
  type RmsNormGradientInputs,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_rms_norm", {
  x: "address",
  residual: "address",
  weight: "address",
  sum: "address",
  y: "address",
  yBf16: "address",
  dim: "int",
  epsilon: "float",
  weightOffset: "float",
});

/** Normalises rows that lie at an address. */
export function normalize(
  { engine }: CudaBackend,
  values: {
    readonly x: number;
    readonly weight: number;
    readonly y: number;
    readonly rows: number;
    readonly dim: number;
  },
  { epsilon, weightOffset }: RmsNormAttrs,
): void {
  const { rows, dim, ...addresses } = values;
  const { threads } = engine.plans.planRmsNorm(rows, dim);
  engine.launch(kernel, { ...addresses, dim, epsilon, weightOffset }, { grid: [rows], block: [threads] });
}

/** Root-mean-square normalisation; a block for each row. */
export const rmsNorm = cudaKernel<{ x: TensorInfo; weight: TensorInfo }, RmsNormAttrs>(
  contract.kernelName,
  ({ inputs: { x, weight }, attrs, backend }) => {
    const [rows, dim] = checkRmsNorm(x, weight);
    const { info, address } = backend.output(x.shape);
    normalize(backend, { x: backend.address(x), weight: backend.address(weight), y: address, rows, dim }, attrs);
    return info;
  },
);

/** @throws KvfoldError `rms-norm-shape` when the operands do not fit */
export function checkRmsNorm(x: TensorInfo, weight: TensorInfo): [number, number] {
  if (x.shape.length < 1 || weight.shape.length !== 1 || x.shape.at(-1) !== weight.shape[0]) {
    throw new KvfoldError(
      "rms-norm-shape",
      `rmsNorm needs x [..., dim] and weight [dim]; got x [${x.shape}] and weight [${weight.shape}].`,
    );
  }
  return [util.sizeFromShape(x.shape.slice(0, -1)), weight.shape[0] as number];
}

const gradientKernel = deviceKernel("kvfold_rms_norm_gradient", {
  x: "address",
  weight: "address",
  dy: "address",
  dx: "address",
  scales: "address",
  dim: "int",
  epsilon: "float",
  weightOffset: "float",
});

const weightGradientKernel = deviceKernel("kvfold_rms_norm_weight_gradient", {
  x: "address",
  dy: "address",
  scales: "address",
  partials: "address",
  arrivals: "address",
  dWeight: "address",
  rows: "int",
  dim: "int",
});

/** Its gradient by x and by the weight; rows are added in one order, whatever the device. */
export const rmsNormGradient = cudaKernel<Record<keyof RmsNormGradientInputs, TensorInfo>, RmsNormAttrs>(
  gradientContract.kernelName,
  ({ inputs, attrs: { epsilon, weightOffset }, backend }) => {
    const { engine } = backend;
    const [rows, dim] = checkRmsNorm(inputs.x, inputs.weight);
    const [x, weight, dy] = [inputs.x, inputs.weight, inputs.dy].map((info) => backend.address(info)) as [
      number,
      number,
      number,
    ];
    const [dx, dWeight] = [backend.output(inputs.x.shape), backend.output(inputs.weight.shape)];
    if (rows === 0) {
      engine.fillWords(dWeight.address, 0, dim);
      return [dx.info, dWeight.info];
    }
    const { threads, stretches } = engine.plans.planRmsNorm(rows, dim);
    const scales = backend.scratch(4 * rows);
    const partials = backend.scratch(4 * stretches * dim);
    const shared = { x, dy, scales: scales.address, dim };
    const first = { ...shared, weight, dx: dx.address, epsilon, weightOffset };
    engine.launch(gradientKernel, first, { grid: [rows], block: [threads] });
    const arrivals = engine.zeros(4 * Math.ceil(dim / 32));
    const second = { ...shared, partials: partials.address, arrivals, dWeight: dWeight.address, rows };
    engine.launch(weightGradientKernel, second, { grid: [Math.ceil(dim / 32), stretches], block: [32, 8] });
    engine.pool.give(scales);
    engine.pool.give(partials);
    return [dx.info, dWeight.info];
  },
);

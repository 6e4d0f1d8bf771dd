import {
  rmsNorm as contract,
  rmsNormGradient as gradientContract,
  KvfoldError,
  type RmsNormAttrs,
  type RmsNormGradientInputs,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

/** Root-mean-square normalisation; each row is read twice from the first cache. */
export const rmsNorm = nativeKernel<{ x: TensorInfo; weight: TensorInfo }, RmsNormAttrs>(
  contract.kernelName,
  ({ inputs: { x, weight }, attrs: { epsilon, weightOffset }, backend }) => {
    const rows = checkRmsNorm(x, weight);
    const { info, values } = backend.output(x.shape);
    backend.addon.rmsNorm(backend.floats(x), backend.floats(weight), weightOffset, epsilon, rows, values);
    return info;
  },
);

function checkRmsNorm(x: TensorInfo, weight: TensorInfo): number {
  if (x.shape.length < 1 || weight.shape.length !== 1 || x.shape.at(-1) !== weight.shape[0]) {
    throw new KvfoldError(
      "rms-norm-shape",
      `rmsNorm needs x [..., dim] and weight [dim]; got x [${x.shape}] and weight [${weight.shape}].`,
    );
  }
  return util.sizeFromShape(x.shape.slice(0, -1));
}

/** Its gradient by x and by the weight. */
export const rmsNormGradient = nativeKernel<Record<keyof RmsNormGradientInputs, TensorInfo>, RmsNormAttrs>(
  gradientContract.kernelName,
  ({ inputs: { x, weight, dy }, attrs: { epsilon, weightOffset }, backend }) => {
    const rows = checkRmsNorm(x, weight);
    const dx = backend.output(x.shape);
    const dWeight = backend.output(weight.shape);
    backend.addon.rmsNormGradient(
      backend.floats(x),
      backend.floats(weight),
      weightOffset,
      epsilon,
      backend.floats(dy),
      rows,
      dx.values,
      dWeight.values,
    );
    return [dx.info, dWeight.info];
  },
);

import { type AdamWAttrs, type AdamWInputs, adamW as contract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_adam_w", {
  param: "address",
  grad: "address",
  m: "address",
  v: "address",
  nextParam: "address",
  nextM: "address",
  nextV: "address",
  count: "long",
  beta1: "float",
  beta2: "float",
  oneLessBeta1: "float",
  oneLessBeta2: "float",
  epsilon: "float",
  keep: "float",
  rate: "float",
  vFactor: "float",
});

/** One AdamW update in one pass. */
export const adamW = cudaKernel<Record<keyof AdamWInputs, TensorInfo>, AdamWAttrs>(
  contract.kernelName,
  ({ inputs: { param, grad, m, v }, attrs, backend }) => {
    for (const [name, { shape }] of Object.entries({ grad, m, v })) {
      if (util.arraysEqual(shape, param.shape)) continue;
      throw new KvfoldError(
        "adam-w-shape",
        `adamW needs ${name} of the shape of param, [${param.shape}]; got [${shape}].`,
      );
    }
    const [nextParam, nextM, nextV] = [0, 1, 2].map(() => backend.output(param.shape)) as [Out, Out, Out];
    const { learningRate, beta1, beta2, epsilon, weightDecay, step } = attrs;
    const values = {
      param: backend.address(param),
      grad: backend.address(grad),
      m: backend.address(m),
      v: backend.address(v),
      nextParam: nextParam.address,
      nextM: nextM.address,
      nextV: nextV.address,
      count: nextParam.length,
      beta1,
      beta2,
      oneLessBeta1: 1 - beta1,
      oneLessBeta2: 1 - beta2,
      epsilon,
      keep: 1 - learningRate * weightDecay,
      rate: learningRate / (1 - beta1 ** step),
      vFactor: 1 / (1 - beta2 ** step),
    };
    backend.engine.launch(kernel, values, { grid: [Math.ceil(nextParam.length / 1024)], block: [256] });
    return [nextParam.info, nextM.info, nextV.info];
  },
);

type Out = { readonly info: TensorInfo; readonly address: number; readonly length: number };

import { type AdamWAttrs, type AdamWInputs, adamW as contract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

/** One AdamW update in one pass. */
export const adamW = nativeKernel<Record<keyof AdamWInputs, TensorInfo>, AdamWAttrs>(
  contract.kernelName,
  ({ inputs: { param, grad, m, v }, attrs, backend }) => {
    for (const [name, { shape }] of Object.entries({ grad, m, v })) {
      if (util.arraysEqual(shape, param.shape)) continue;
      throw new KvfoldError(
        "adam-w-shape",
        `adamW needs ${name} of the shape of param, [${param.shape}]; got [${shape}].`,
      );
    }
    const next = [param, m, v].map(({ shape }) => backend.output(shape)) as [Out, Out, Out];
    const { learningRate, beta1, beta2, epsilon, weightDecay, step } = attrs;
    backend.addon.adamW(
      backend.floats(param),
      backend.floats(grad),
      backend.floats(m),
      backend.floats(v),
      next[0].values,
      next[1].values,
      next[2].values,
      learningRate,
      beta1,
      beta2,
      epsilon,
      weightDecay,
      step,
    );
    return next.map(({ info }) => info);
  },
);

type Out = { info: TensorInfo; values: Float32Array };

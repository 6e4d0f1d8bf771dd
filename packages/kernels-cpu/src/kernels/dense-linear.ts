import { denseLinear as contract, type DenseLinearInputs } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";
import { checkLinear } from "./check-linear.js";

/** `x weight + bias` with a float32 weight `[in, out]`; a few rows make one pass over the weight. */
export const denseLinear = nativeKernel<Record<keyof DenseLinearInputs, TensorInfo>, object>(
  contract.kernelName,
  ({ inputs: { x, weight, bias }, backend }) => {
    const [inputs, outputs] = weight.shape as [number, number];
    const rows = checkLinear(x, inputs, outputs, bias);
    const { info, values } = backend.output([...x.shape.slice(0, -1), outputs]);
    const plus = bias === undefined ? undefined : backend.floats(bias);
    backend.addon.denseLinear(backend.floats(x), rows, backend.floats(weight), inputs, outputs, plus, values);
    return info;
  },
);

import { packedLinear as contract, KvfoldError, type PackedLinearAttrs } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";
import { weightFormatIndex, weightFormats } from "../weight-format.js";
import { checkLinear } from "./check-linear.js";

/** `x weight^T + bias` on packed rows `[out, in]` as they lie in the file; nothing is unpacked or kept. */
export const packedLinear = nativeKernel<{ x: TensorInfo; bias?: TensorInfo }, PackedLinearAttrs>(
  contract.kernelName,
  ({ inputs: { x, bias }, attrs: { weight }, backend }) => {
    const [outputs, inputs] = weight.shape;
    const rows = checkLinear(x, inputs, outputs, bias);
    const format = weightFormatIndex(weight.storage);
    if (format === undefined) {
      throw new KvfoldError(
        "weight-format",
        `The native backend has no product for weights in ${weight.storage}; it has: ${weightFormats.join(", ")}.`,
      );
    }
    const { info, values } = backend.output([...x.shape.slice(0, -1), outputs]);
    const plus = bias === undefined ? undefined : backend.floats(bias);
    backend.addon.packedLinear(format, weight.bytes, plus, outputs, inputs, backend.floats(x), rows, values);
    return info;
  },
);

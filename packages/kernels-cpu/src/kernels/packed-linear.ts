import { packedLinear as contract, KvfoldError, type PackedLinearAttrs } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";
import { checkLinear } from "./check-linear.js";
import { packedLayer } from "./packed-layer.js";

/** `x weight^T + bias + residual` on packed rows `[out, in]` as they lie in the file; nothing is unpacked or kept. */
export const packedLinear = nativeKernel<
  { x: TensorInfo; bias?: TensorInfo; residual?: TensorInfo },
  PackedLinearAttrs
>(contract.kernelName, ({ inputs: { x, bias, residual }, attrs: { weight }, backend }) => {
  const [outputs, inputs] = weight.shape;
  const rows = checkLinear(x, inputs, outputs, bias);
  const shape = [...x.shape.slice(0, -1), outputs];
  if (residual !== undefined && !util.arraysEqual(residual.shape, shape)) {
    throw new KvfoldError(
      "linear-shape",
      `The residual must have the result's shape [${shape}]; got [${residual.shape}].`,
    );
  }
  const layer = packedLayer(backend, weight, bias);
  const { info, values } = backend.output(shape);
  if (residual === undefined) backend.addon.packedLinear(...layer, inputs, backend.floats(x), rows, values);
  else backend.addon.linearOnto(backend.floats(x), rows, inputs, ...layer, backend.floats(residual), values);
  return info;
});

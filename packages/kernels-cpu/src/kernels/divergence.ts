import {
  type DivergenceGradientAttrs,
  divergenceGradient as gradientContract,
  divergenceRows as rowsContract,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

type Inputs = { from: TensorInfo; to: TensorInfo };

/** Divergence of the distributions of two rows of logits; nothing of the size of the logits is made. */
export const divergenceRows = nativeKernel<Inputs, object>(
  rowsContract.kernelName,
  ({ inputs: { from, to }, backend }) => {
    const [rows, n] = shapeOf(from, to);
    const { info, values } = backend.output([rows]);
    backend.addon.divergence(backend.floats(from), backend.floats(to), rows, n, values);
    return info;
  },
);

/** Its gradient by one of the logits. */
export const divergenceGradient = nativeKernel<Inputs & { dy: TensorInfo }, DivergenceGradientAttrs>(
  gradientContract.kernelName,
  ({ inputs: { from, to, dy }, attrs: { by }, backend }) => {
    const [rows, n] = shapeOf(from, to);
    const { info, values } = backend.output(from.shape);
    const [p, q, pulled] = [backend.floats(from), backend.floats(to), backend.floats(dy)];
    backend.addon.divergenceGradient(by === "from", p, q, pulled, rows, n, values);
    return info;
  },
);

function shapeOf(from: TensorInfo, to: TensorInfo): [number, number] {
  util.assertShapesMatch(from.shape, to.shape, "The two logits of a divergence differ in shape: ");
  return from.shape as [number, number];
}

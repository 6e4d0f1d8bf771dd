import { rope as contract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

type Inputs = { x: TensorInfo; cos: TensorInfo; sin: TensorInfo };

/** Rotary position embedding in the half-split layout. */
export const rope = nativeKernel<Inputs, object>(contract.kernelName, ({ inputs: { x, cos, sin }, backend }) => {
  const { batchStep, half } = checkRope(x, cos, sin);
  const [batch, heads, tokens, dim] = x.shape as [number, number, number, number];
  const { info, values } = backend.output(x.shape);
  const angles = [backend.floats(cos), backend.floats(sin)] as const;
  backend.addon.rope(backend.floats(x), ...angles, batch, heads, tokens, dim, half, batchStep, values);
  return info;
});

/** @throws KvfoldError `rope-shape` when the operands do not fit */
function checkRope(x: TensorInfo, cos: TensorInfo, sin: TensorInfo): { batchStep: number; half: number } {
  const [batch, , tokens, dim = 0] = x.shape;
  const [half = 0, positions, rows] = cos.shape.toReversed();
  const fits =
    x.shape.length === 4 &&
    (cos.shape.length === 2 || (cos.shape.length === 3 && (rows === batch || rows === 1))) &&
    util.arraysEqual(cos.shape, sin.shape) &&
    positions === tokens &&
    2 * half <= dim;
  if (!fits) {
    throw new KvfoldError(
      "rope-shape",
      `rope needs x [batch, heads, tokens, headDim] and cos, sin [batch or 1, tokens, rotaryDim / 2] with ` +
        `rotaryDim <= headDim; got x [${x.shape}], cos [${cos.shape}], sin [${sin.shape}].`,
    );
  }
  return { half, batchStep: (rows ?? 1) === 1 ? 0 : (tokens as number) * half };
}

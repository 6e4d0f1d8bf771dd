import { rope as contract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_rope", {
  x: "address",
  cos: "address",
  sin: "address",
  y: "address",
  count: "long",
  heads: "int",
  tokens: "int",
  headDim: "int",
  half: "int",
  anglesPerBatch: "int",
  back: "int",
});

type Inputs = { x: TensorInfo; cos: TensorInfo; sin: TensorInfo };

/** Rotary position embedding in the half-split layout. */
export const rope = cudaKernel<Inputs, object>(contract.kernelName, ({ inputs: { x, cos, sin }, backend }) => {
  const { half, anglesPerBatch } = checkRope(x, cos, sin);
  const [, heads, tokens, headDim] = x.shape as [number, number, number, number];
  const { info, address, length } = backend.output(x.shape);
  const values = {
    x: backend.address(x),
    cos: backend.address(cos),
    sin: backend.address(sin),
    y: address,
    count: length,
    heads,
    tokens,
    headDim,
    half,
    anglesPerBatch,
  };
  backend.engine.launch(kernel, values, { grid: [Math.ceil(length / 256)], block: [256] });
  return info;
});

/** @throws KvfoldError `rope-shape` when the operands do not fit */
function checkRope(x: TensorInfo, cos: TensorInfo, sin: TensorInfo): { half: number; anglesPerBatch: 0 | 1 } {
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
  return { half, anglesPerBatch: (rows ?? 1) === 1 ? 0 : 1 };
}

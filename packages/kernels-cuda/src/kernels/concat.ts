import { backend_util, type ConcatAttrs, type PackAttrs, type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { cudaKernel, onDevice } from "../backend/cuda-kernel.js";
import type { DeviceDtype } from "../backend/tensor-data.js";
import { stridedCopy } from "./strided-copy.js";
import { planWalk } from "./walk.js";

/** Tensors one after the other along an axis. */
export const concat = cudaKernel<TensorInfo[], ConcatAttrs>("Concat", ({ inputs, attrs, backend, fallback }) => {
  const [first] = inputs;
  if (first === undefined || !allMovable(inputs)) return fallback();
  const [axis] = util.parseAxisParam(attrs.axis, first.shape) as [number];
  const shapes = inputs.map(({ shape }) => shape);
  backend_util.assertParamsConsistent(shapes, axis);
  return join(inputs, backend_util.computeOutShape(shapes, axis), axis, backend);
});

/** Tensors of one shape along a new axis. */
export const pack = cudaKernel<TensorInfo[], PackAttrs>("Pack", ({ inputs, attrs, backend, fallback }) => {
  const [first] = inputs;
  if (first === undefined || !allMovable(inputs)) return fallback();
  for (const { shape } of inputs) {
    util.assertShapesMatch(first.shape, shape, "All tensors passed to stack must have matching shapes");
  }
  const axis = attrs.axis < 0 ? attrs.axis + first.shape.length + 1 : attrs.axis;
  const shape = [...first.shape.slice(0, axis), inputs.length, ...first.shape.slice(axis)];
  return join(inputs, shape, axis, backend);
});

/** True for tensors of one type that lie on the device. */
function allMovable(inputs: readonly TensorInfo[]): boolean {
  return inputs.every((x) => onDevice(x) && x.dtype === inputs[0]?.dtype);
}

/** Copies each input to its place in every row of the result, whose rows are what lies from `axis` on. */
function join(inputs: readonly TensorInfo[], shape: number[], axis: number, backend: CudaBackend): TensorInfo {
  const full = inputs.filter((x) => util.sizeFromShape(x.shape) > 0);
  if (full.length === 1) return backend.reshaped(full[0] as TensorInfo, shape);
  const out = backend.output(shape, (inputs[0] as TensorInfo).dtype as DeviceDtype);
  const rows = util.sizeFromShape(shape.slice(0, axis));
  let at = 0;
  for (const x of full) {
    const n = util.sizeFromShape(x.shape) / rows;
    const walk = planWalk([rows, n], [n, 1], [out.length / rows, 1]);
    if (walk === undefined) throw new Error("concat: more elements than 2^31");
    stridedCopy(backend, x, out, walk, { to: at });
    at += n;
  }
  return out.info;
}

import { backend_util, type ConcatAttrs, type PackAttrs, type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.js";
import { isMovable, nativeKernel } from "../native-kernel.js";
import { plan, planRows } from "../walk.js";

/** Tensors one after the other along an axis. */
export const concat = nativeKernel<TensorInfo[], ConcatAttrs>("Concat", ({ inputs, attrs, backend, fallback }) => {
  const [first] = inputs;
  if (first === undefined || !allMovable(inputs)) return fallback();
  const [axis] = util.parseAxisParam(attrs.axis, first.shape) as [number];
  const shapes = inputs.map(({ shape }) => shape);
  backend_util.assertParamsConsistent(shapes, axis);
  return join(inputs, backend_util.computeOutShape(shapes, axis), axis, backend);
});

/** Tensors of one shape along a new axis. */
export const pack = nativeKernel<TensorInfo[], PackAttrs>("Pack", ({ inputs, attrs, backend, fallback }) => {
  const [first] = inputs;
  if (first === undefined || !allMovable(inputs)) return fallback();
  for (const { shape } of inputs) {
    util.assertShapesMatch(first.shape, shape, "All tensors passed to stack must have matching shapes");
  }
  const axis = attrs.axis < 0 ? attrs.axis + first.shape.length + 1 : attrs.axis;
  const shape = [...first.shape.slice(0, axis), inputs.length, ...first.shape.slice(axis)];
  return join(inputs, shape, axis, backend);
});

/** True for tensors of one type that can be moved. */
function allMovable(inputs: readonly TensorInfo[]): boolean {
  return inputs.every((x) => isMovable(x) && x.dtype === inputs[0]?.dtype);
}

/** Copies each input to its place in every row of the result, whose rows are what lies from `axis` on. */
function join(inputs: readonly TensorInfo[], shape: number[], axis: number, backend: NativeBackend): TensorInfo {
  const full = inputs.filter((x) => util.sizeFromShape(x.shape) > 0);
  const [only] = full;
  if (full.length === 1) return backend.reshaped(only as TensorInfo, shape);
  const { info, values } = backend.outputOf((inputs[0] as TensorInfo).dtype, shape);
  const rows = util.sizeFromShape(shape.slice(0, axis));
  let at = 0;
  for (const x of full) {
    const own = backend.elements(x);
    const n = own.length / rows;
    const rank = planRows(rows, n, n, values.length / rows);
    backend.addon.stridedCopy(own, 0, values, at, plan, rank);
    at += n;
  }
  return info;
}

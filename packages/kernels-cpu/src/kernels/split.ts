import {
  backend_util,
  type SplitVAttrs,
  type SplitVInputs,
  type Tensor,
  type TensorInfo,
  type UnpackAttrs,
  type UnpackInputs,
  util,
} from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.js";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";
import { plan, planRows } from "../walk.js";

/** Pieces of a tensor along an axis. */
export const split = nativeKernel<Present<SplitVInputs>, SplitVAttrs>(
  "SplitV",
  ({ inputs: { x }, attrs, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const [axis] = util.parseAxisParam(attrs.axis, x.shape) as [number];
    const sizes = backend_util.prepareSplitSize(x as Tensor, attrs.numOrSizeSplits, axis);
    const shapeOf = (size: number) => [...x.shape.slice(0, axis), size, ...x.shape.slice(axis + 1)];
    return cut(x, axis, sizes, shapeOf, backend);
  },
);

/** The slices of a tensor along an axis, without that axis. */
export const unpack = nativeKernel<Present<UnpackInputs>, UnpackAttrs>(
  "Unpack",
  ({ inputs: { value }, attrs, backend, fallback }) => {
    if (!isMovable(value)) return fallback();
    const axis = attrs.axis < 0 ? attrs.axis + value.shape.length : attrs.axis;
    const shape = [...value.shape.slice(0, axis), ...value.shape.slice(axis + 1)];
    return cut(value, axis, new Array<number>(value.shape[axis] as number).fill(1), () => shape, backend);
  },
);

/** Cuts the rows that lie from `axis` on into pieces of `sizes` each. */
function cut(
  x: TensorInfo,
  axis: number,
  sizes: readonly number[],
  shapeOf: (size: number) => number[],
  backend: NativeBackend,
): TensorInfo[] {
  const own = backend.elements(x);
  const rows = util.sizeFromShape(x.shape.slice(0, axis));
  const inner = util.sizeFromShape(x.shape.slice(axis + 1));
  let at = 0;
  return sizes.map((size) => {
    const { info, values } = backend.outputOf(x.dtype, shapeOf(size));
    const n = size * inner;
    if (values.length > 0) {
      const rank = planRows(rows, n, own.length / rows, n);
      backend.addon.stridedCopy(own, at, values, 0, plan, rank);
    }
    at += n;
    return info;
  });
}

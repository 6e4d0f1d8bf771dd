import {
  backend_util,
  type SplitVAttrs,
  type SplitVInputs,
  type TensorInfo,
  type UnpackAttrs,
  type UnpackInputs,
  util,
} from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { cudaKernel, onDevice, type Present } from "../backend/cuda-kernel.js";
import type { DeviceDtype } from "../backend/tensor-data.js";
import { stridedCopy } from "./strided-copy.js";
import { planWalk } from "./walk.js";

/** Pieces of a tensor along an axis. */
export const split = cudaKernel<Present<SplitVInputs>, SplitVAttrs>(
  "SplitV",
  ({ inputs: { x }, attrs, backend, fallback }) => {
    if (!onDevice(x)) return fallback();
    const [axis] = util.parseAxisParam(attrs.axis, x.shape) as [number];
    const sizes = backend_util.prepareSplitSize(x as never, attrs.numOrSizeSplits, axis);
    const shapeOf = (size: number) => [...x.shape.slice(0, axis), size, ...x.shape.slice(axis + 1)];
    return cut(x, axis, sizes, shapeOf, backend);
  },
);

/** The slices of a tensor along an axis, without that axis. */
export const unpack = cudaKernel<Present<UnpackInputs>, UnpackAttrs>(
  "Unpack",
  ({ inputs: { value }, attrs, backend, fallback }) => {
    if (!onDevice(value)) return fallback();
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
  backend: CudaBackend,
): TensorInfo[] {
  const rows = util.sizeFromShape(x.shape.slice(0, axis));
  const inner = util.sizeFromShape(x.shape.slice(axis + 1));
  const row = (x.shape[axis] as number) * inner;
  let at = 0;
  return sizes.map((size) => {
    const out = backend.output(shapeOf(size), x.dtype as DeviceDtype);
    const n = size * inner;
    const walk = planWalk([rows, n], [row, 1], [n, 1]);
    if (walk === undefined) throw new Error("split: more elements than 2^31");
    if (out.length > 0) stridedCopy(backend, x, out, walk, { from: at });
    at += n;
    return out.info;
  });
}

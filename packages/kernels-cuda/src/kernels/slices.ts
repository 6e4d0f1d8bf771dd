import {
  type ReverseAttrs,
  type ReverseInputs,
  type SliceAttrs,
  type SliceInputs,
  type StridedSliceAttrs,
  type StridedSliceInputs,
  slice_util,
  util,
} from "@tensorflow/tfjs-core";
import { cudaKernel, onDevice, type Present } from "../backend/cuda-kernel.js";
import { stridedCopy } from "./strided-copy.js";
import { distances, planWalk } from "./walk.js";

/** A box of a tensor. */
export const slice = cudaKernel<Present<SliceInputs>, SliceAttrs>(
  "Slice",
  ({ inputs: { x }, attrs: { begin, size }, backend, fallback }) => {
    if (!onDevice(x)) return fallback();
    const parsed = slice_util.parseSliceParams(x as never, begin, size);
    const [from, shape] = parsed as [number[], number[]];
    slice_util.assertParamsValid(x, from, shape);
    const own = distances(x.shape);
    const walk = planWalk(shape, own, distances(shape));
    if (walk === undefined) return fallback();
    const out = backend.output(shape, x.dtype);
    const first = from.reduce((sum, at, axis) => sum + at * (own[axis] as number), 0);
    if (out.length > 0) stridedCopy(backend, x, out, walk, { from: first });
    return out.info;
  },
);

/** Every so-manieth element along each dimension, in either direction. */
export const stridedSlice = cudaKernel<Present<StridedSliceInputs>, StridedSliceAttrs>(
  "StridedSlice",
  ({ inputs: { x }, attrs, backend, fallback }) => {
    const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs;
    const info = slice_util.sliceInfo(
      x.shape,
      begin,
      end,
      strides,
      beginMask,
      endMask,
      ellipsisMask,
      newAxisMask,
      shrinkAxisMask,
    );
    if (!onDevice(x) || info.isIdentity) return fallback();
    const shape = slice_util.computeOutShape(info.begin, info.end, info.strides);
    const own = distances(x.shape);
    const steps = own.map((distance, axis) => distance * (info.strides[axis] as number));
    const walk = planWalk(shape, steps, distances(shape));
    if (walk === undefined) return fallback();
    const out = backend.output(info.finalShape, x.dtype);
    const first = info.begin.reduce((sum, at, axis) => sum + at * (own[axis] as number), 0);
    if (util.sizeFromShape(shape) > 0) stridedCopy(backend, x, out, walk, { from: first });
    return out.info;
  },
);

/** A tensor backwards along some dimensions. */
export const reverse = cudaKernel<Present<ReverseInputs>, ReverseAttrs>(
  "Reverse",
  ({ inputs: { x }, attrs: { dims }, backend, fallback }) => {
    if (!onDevice(x)) return fallback();
    const axes = util.parseAxisParam(dims, x.shape);
    const own = distances(x.shape);
    const steps = own.map((distance, axis) => (axes.includes(axis) ? -distance : distance));
    const walk = planWalk(x.shape, steps, own);
    if (walk === undefined) return fallback();
    const out = backend.output(x.shape, x.dtype);
    const first = axes.reduce((sum, axis) => sum + ((x.shape[axis] as number) - 1) * (own[axis] as number), 0);
    if (out.length > 0) stridedCopy(backend, x, out, walk, { from: first });
    return out.info;
  },
);

import { type SliceAttrs, type SliceInputs, slice_util } from "@tensorflow/tfjs-core";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";
import { distances, plan, planWalk } from "../walk.js";

/** A box of a tensor. */
export const slice = nativeKernel<Present<SliceInputs>, SliceAttrs>(
  "Slice",
  ({ inputs: { x }, attrs: { begin, size }, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const parsed = slice_util.parseSliceParams(x as Parameters<typeof slice_util.parseSliceParams>[0], begin, size);
    const [from, shape] = parsed as [number[], number[]];
    slice_util.assertParamsValid(x, from, shape);
    const own = distances(x.shape);
    const rank = planWalk(shape, own, distances(shape));
    if (rank === undefined) return fallback();
    const { info, values } = backend.outputOf(x.dtype, shape);
    if (values.length === 0) return info;
    const first = from.reduce((sum, at, axis) => sum + at * (own[axis] as number), 0);
    backend.addon.stridedCopy(backend.elements(x), first, values, 0, plan, rank);
    return info;
  },
);

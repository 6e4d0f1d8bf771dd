import type { PadV2Attrs, PadV2Inputs } from "@tensorflow/tfjs-core";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";
import { distances, plan, planWalk } from "../walk.js";

/** A tensor in the middle of a constant. */
export const pad = nativeKernel<Present<PadV2Inputs>, PadV2Attrs>(
  "PadV2",
  ({ inputs: { x }, attrs: { paddings, constantValue }, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const shape = paddings.map(([before, after], axis) => before + (x.shape[axis] as number) + after);
    const target = distances(shape);
    const rank = planWalk(x.shape, distances(x.shape), target);
    if (rank === undefined) return fallback();
    const { info, values } = backend.outputOf(x.dtype, shape);
    values.fill(constantValue);
    const own = backend.elements(x);
    const first = paddings.reduce((sum, [before], axis) => sum + before * (target[axis] as number), 0);
    if (own.length > 0) backend.addon.stridedCopy(own, 0, values, first, plan, rank);
    return info;
  },
);

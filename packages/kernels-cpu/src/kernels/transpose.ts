import type { TransposeAttrs, TransposeInputs } from "@tensorflow/tfjs-core";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";
import { distances, plan, planWalk } from "../walk.js";

/** Any order of the dimensions. */
export const transpose = nativeKernel<Present<TransposeInputs>, TransposeAttrs>(
  "Transpose",
  ({ inputs: { x }, attrs: { perm }, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const own = distances(x.shape);
    const shape = perm.map((axis) => x.shape[axis] as number);
    const rank = planWalk(
      shape,
      perm.map((axis) => own[axis] as number),
      distances(shape),
    );
    if (rank === undefined) return fallback();
    const { info, values } = backend.outputOf(x.dtype, shape);
    backend.addon.stridedCopy(backend.elements(x), 0, values, 0, plan, rank);
    return info;
  },
);

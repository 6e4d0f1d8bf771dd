import type { FillAttrs, OnesLikeInputs, ZerosLikeInputs } from "@tensorflow/tfjs-core";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";

/** A tensor of one number. */
export const fill = nativeKernel<object, FillAttrs>(
  "Fill",
  ({ attrs: { shape, value, dtype = "float32" }, backend, fallback }) => {
    if (typeof value !== "number" || !isMovable({ dtype })) return fallback();
    const { info, values } = backend.outputOf(dtype, shape);
    values.fill(value);
    return info;
  },
);

/** Zeros of the shape and type of a tensor. */
export const zerosLike = nativeKernel<Present<ZerosLikeInputs>, object>(
  "ZerosLike",
  ({ inputs: { x }, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const { info, values } = backend.outputOf(x.dtype, x.shape);
    values.fill(0);
    return info;
  },
);

/** Ones of the shape and type of a tensor. */
export const onesLike = nativeKernel<Present<OnesLikeInputs>, object>(
  "OnesLike",
  ({ inputs: { x }, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const { info, values } = backend.outputOf(x.dtype, x.shape);
    values.fill(1);
    return info;
  },
);

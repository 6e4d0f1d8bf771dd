import type { BinaryInputs } from "@tensorflow/tfjs-core";
import { broadcastWalk } from "../broadcast-walk.js";
import { type NativeKernel, nativeKernel, type Present } from "../native-kernel.js";
import { plan } from "../walk.js";

/** In the order of `ComparisonOp` in native/kernels/binary.h. */
const comparisonOps = ["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"] as const;

/** Comparisons of two float32 or two int32 tensors that broadcast. */
export const comparisonKernels: readonly NativeKernel[] = comparisonOps.map((kernelName, op) =>
  nativeKernel<Present<BinaryInputs>, object>(kernelName, ({ inputs: { a, b }, backend, fallback }) => {
    if (a.dtype !== b.dtype || (a.dtype !== "float32" && a.dtype !== "int32")) return fallback();
    const { shape, rank } = broadcastWalk(a.shape, b.shape);
    if (rank === undefined) return fallback();
    const { info, values } = backend.outputBytes(shape);
    if (a.dtype === "float32") backend.addon.compare(op, backend.floats(a), backend.floats(b), values, plan, rank);
    else backend.addon.compareInts(op, backend.ints(a), backend.ints(b), values, plan, rank);
    return info;
  }),
);

import type { BinaryInputs, TensorInfo } from "@tensorflow/tfjs-core";
import { broadcastWalk } from "../broadcast-walk.js";
import { type NativeKernel, nativeKernel, type Present } from "../native-kernel.js";
import { plan, planRow } from "../walk.js";

/** In the order of `LogicalOp` in native/kernels/binary.h; the third is true where its operands differ. */
const logicalOps = ["LogicalAnd", "LogicalOr", "differ"] as const;

/** Conjunction and disjunction of bool tensors that broadcast. */
export const logicalKernels: readonly NativeKernel[] = (["LogicalAnd", "LogicalOr"] as const).map((kernelName) =>
  nativeKernel<Present<BinaryInputs>, object>(kernelName, ({ inputs: { a, b }, backend, fallback }) => {
    if (a.dtype !== "bool" || b.dtype !== "bool") return fallback();
    const { shape, rank } = broadcastWalk(a.shape, b.shape);
    if (rank === undefined) return fallback();
    const { info, values } = backend.outputBytes(shape);
    backend.addon.logical(logicalOps.indexOf(kernelName), backend.bytes(a), backend.bytes(b), values, plan, rank);
    return info;
  }),
);

const yes = new Uint8Array([1]);

/** Negation of a bool tensor: where it differs from true. */
export const logicalNot = nativeKernel<{ x: TensorInfo }, object>(
  "LogicalNot",
  ({ inputs: { x }, backend, fallback }) => {
    if (x.dtype !== "bool") return fallback();
    const { info, values } = backend.outputBytes(x.shape);
    const rank = planRow(values.length, 1, 0);
    backend.addon.logical(logicalOps.indexOf("differ"), backend.bytes(x), yes, values, plan, rank);
    return info;
  },
);

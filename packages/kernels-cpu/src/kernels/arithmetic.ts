import type { BinaryInputs, TensorInfo } from "@tensorflow/tfjs-core";
import { broadcastWalk } from "../broadcast-walk.js";
import { type NativeKernel, nativeKernel, type Present } from "../native-kernel.js";
import { plan, planRow } from "../walk.js";

/** In the order of `ArithmeticOp` in native/kernels/binary.h. */
const arithmeticOps = ["Add", "Sub", "Multiply", "RealDiv", "Maximum", "Minimum", "SquaredDifference"] as const;

/** Arithmetic of two float32 or two int32 tensors that broadcast. */
export const arithmeticKernels: readonly NativeKernel[] = arithmeticOps.map((kernelName, op) =>
  nativeKernel<Present<BinaryInputs>, object>(kernelName, ({ inputs: { a, b }, backend, fallback }) => {
    const floats = a.dtype === "float32" && b.dtype === "float32";
    const ints = a.dtype === "int32" && b.dtype === "int32" && kernelName !== "RealDiv";
    if (!floats && !ints) return fallback();
    const { shape, rank } = broadcastWalk(a.shape, b.shape);
    if (rank === undefined) return fallback();
    if (floats) {
      const { info, values } = backend.output(shape);
      backend.addon.arithmetic(op, backend.floats(a), backend.floats(b), values, plan, rank);
      return info;
    }
    const { info, values } = backend.outputInts(shape);
    backend.addon.arithmeticInts(op, backend.ints(a), backend.ints(b), values, plan, rank);
    return info;
  }),
);

/** Sum of any number of tensors of one shape, which gradients are made of. */
export const addN = nativeKernel<TensorInfo[], object>("AddN", ({ inputs, backend, fallback }) => {
  const [first, ...rest] = inputs;
  if (first === undefined || rest.length === 0 || inputs.some(({ dtype }) => dtype !== "float32")) return fallback();
  const { info, values } = backend.output(first.shape);
  let sum = backend.floats(first);
  for (const term of rest) {
    const rank = planRow(values.length);
    backend.addon.arithmetic(arithmeticOps.indexOf("Add"), sum, backend.floats(term), values, plan, rank);
    sum = values;
  }
  return info;
});

import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type NativeKernel, nativeKernel } from "../native-kernel.js";

/** Attributes of the functions that have any. */
interface UnaryAttrs {
  readonly clipValueMin?: number;
  readonly clipValueMax?: number;
  readonly alpha?: number;
}

/** In the order of `UnaryOp` in native/kernels/unary.h. */
const unaryOps = [
  "Abs",
  "Ceil",
  "ClipByValue",
  "Elu",
  "Erf",
  "Exp",
  "Floor",
  "LeakyRelu",
  "Log",
  "Log1p",
  "Neg",
  "Reciprocal",
  "Relu",
  "Relu6",
  "Round",
  "Rsqrt",
  "Sigmoid",
  "Sign",
  "Softplus",
  "Sqrt",
  "Square",
  "Step",
  "Tanh",
] as const;

/** Functions of each element of a float32 tensor. */
export const unaryKernels: readonly NativeKernel[] = unaryOps.map((kernelName, op) =>
  nativeKernel<{ x: TensorInfo }, UnaryAttrs>(kernelName, ({ inputs: { x }, attrs, backend, fallback }) => {
    if (x.dtype !== "float32") return fallback();
    const { info, values } = backend.output(x.shape);
    const first = attrs.clipValueMin ?? attrs.alpha ?? 0;
    backend.addon.unary(op, backend.floats(x), values, first, attrs.clipValueMax ?? 0);
    return info;
  }),
);

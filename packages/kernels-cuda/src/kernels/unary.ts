import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type CudaKernel, cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernels } from "../engine/device-kernel.js";

/** Attributes of the functions that have any. */
interface UnaryAttrs {
  readonly clipValueMin?: number;
  readonly clipValueMax?: number;
  readonly alpha?: number;
}

const kernels = deviceKernels(["kvfold_unary", "kvfold_unary_int", "kvfold_test"], {
  x: "address",
  out: "address",
  n: "count",
  op: "int",
  a: "float",
  b: "float",
  unused: "int",
});

/** In the order of `applyUnary` in native/kernels/tensor/unary.cu. */
const unaryOps = [
  "Abs",
  "Acos",
  "Acosh",
  "Asin",
  "Asinh",
  "Atan",
  "Atanh",
  "Ceil",
  "ClipByValue",
  "Cos",
  "Cosh",
  "Elu",
  "Erf",
  "Exp",
  "Expm1",
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
  "Selu",
  "Sigmoid",
  "Sign",
  "Sin",
  "Sinh",
  "Softplus",
  "Sqrt",
  "Square",
  "Step",
  "Tan",
  "Tanh",
] as const;

/** Those of them that whole numbers have, in the order of `applyIntUnary`. */
const intUnaryOps = ["Abs", "ClipByValue", "Neg", "Relu", "Sign", "Square"] as const;

/** Functions of each element of a float32 tensor, and of int32 ones where they give whole numbers. */
export const unaryKernels: readonly CudaKernel[] = unaryOps.map((kernelName, op) => {
  const intOp = (intUnaryOps as readonly string[]).indexOf(kernelName);
  return cudaKernel<{ x: TensorInfo }, UnaryAttrs>(kernelName, ({ inputs: { x }, attrs, backend, fallback }) => {
    const floats = x.dtype === "float32";
    if (!floats && (x.dtype !== "int32" || intOp < 0)) return fallback();
    const { info, address, length } = backend.output(x.shape, x.dtype as "float32" | "int32");
    // slope of LeakyRelu and of Step, least value of ClipByValue
    const a = attrs.clipValueMin ?? attrs.alpha ?? 0;
    backend.engine.launch(
      floats ? kernels.kvfold_unary : kernels.kvfold_unary_int,
      { x: backend.address(x), out: address, n: length, op: floats ? op : intOp, a, b: attrs.clipValueMax ?? 0 },
      backend.engine.loopOver(length),
    );
    return info;
  });
});

/** In the order of `applyTest`. */
const testOps = ["IsNan", "IsInf", "IsFinite"] as const;

/** What kind of number each element is. */
export const testKernels: readonly CudaKernel[] = testOps.map((kernelName, op) =>
  cudaKernel<{ x: TensorInfo }, object>(kernelName, ({ inputs: { x }, backend, fallback }) => {
    if (x.dtype !== "float32") return fallback();
    const { info, address, length } = backend.output(x.shape, "bool");
    const values = { x: backend.address(x), out: address, n: length, op };
    backend.engine.launch(kernels.kvfold_test, values, backend.engine.loopOver(length));
    return info;
  }),
);

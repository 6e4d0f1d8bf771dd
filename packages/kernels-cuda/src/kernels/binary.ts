import type { BinaryInputs, TensorInfo } from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { type CudaKernel, cudaKernel, type Present } from "../backend/cuda-kernel.js";
import type { DeviceDtype } from "../backend/tensor-data.js";
import { deviceKernels } from "../engine/device-kernel.js";
import { broadcastWalk, type Walk } from "./walk.js";

const names = [
  "kvfold_arithmetic",
  "kvfold_arithmetic_int",
  "kvfold_compare",
  "kvfold_compare_int",
  "kvfold_compare_bool",
  "kvfold_logic",
] as const;

const kernels = deviceKernels(names, {
  a: "address",
  b: "address",
  out: "address",
  n: "count",
  op: "int",
  rank: "int",
  sizes: "int[8]",
  aSteps: "int[8]",
  bSteps: "int[8]",
});

/** In the order of `Arithmetic` in native/kernels/tensor/binary.cu. */
const arithmeticOps = [
  "Add",
  "Sub",
  "Multiply",
  "RealDiv",
  "Maximum",
  "Minimum",
  "SquaredDifference",
  "Pow",
  "FloorDiv",
  "Mod",
  "Atan2",
  "Prelu",
  "EluGrad",
] as const;

/** Those that whole numbers have, too. */
const intOps: readonly string[] = [
  "Add",
  "Sub",
  "Multiply",
  "Maximum",
  "Minimum",
  "SquaredDifference",
  "FloorDiv",
  "Mod",
];

/** Launches one kernel over two operands. */
function launch(
  backend: CudaBackend,
  name: (typeof names)[number],
  op: number,
  [a, b]: readonly [number, number],
  { address, length }: { readonly address: number; readonly length: number },
  { rank, sizes, first, second }: Walk,
): void {
  const values = { a, b, out: address, n: length, op, rank, sizes, aSteps: first, bSteps: second };
  backend.engine.launch(kernels[name], values, backend.engine.loopOver(length));
}

function operands(backend: CudaBackend, a: TensorInfo, b: TensorInfo): [number, number] {
  return [backend.address(a), backend.address(b)];
}

/** Arithmetic of two float32 or two int32 tensors that broadcast. Prelu and EluGrad call their operands otherwise. */
export const arithmeticKernels: readonly CudaKernel[] = arithmeticOps.map((kernelName, op) =>
  cudaKernel<Record<string, TensorInfo>, object>(kernelName, ({ inputs, backend, fallback }) => {
    const [a, b] = (
      kernelName === "Prelu"
        ? [inputs.x, inputs.alpha]
        : kernelName === "EluGrad"
          ? [inputs.dy, inputs.y]
          : [inputs.a, inputs.b]
    ) as [TensorInfo, TensorInfo];
    const floats = a.dtype === "float32" && b.dtype === "float32";
    const ints = a.dtype === "int32" && b.dtype === "int32" && intOps.includes(kernelName);
    if (!floats && !ints) return fallback();
    const { shape, walk } = broadcastWalk(a.shape, b.shape);
    if (walk === undefined) return fallback();
    const out = backend.output(shape, floats ? "float32" : "int32");
    launch(backend, floats ? "kvfold_arithmetic" : "kvfold_arithmetic_int", op, operands(backend, a, b), out, walk);
    return out.info;
  }),
);

/** In the order of `Comparison`. */
const comparisonOps = ["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"] as const;

/** The kernel that compares elements of a type. */
const comparisonOf: Readonly<Record<DeviceDtype, (typeof names)[number]>> = {
  float32: "kvfold_compare",
  int32: "kvfold_compare_int",
  bool: "kvfold_compare_bool",
};

/** Comparisons of two tensors of one type that broadcast. */
export const comparisonKernels: readonly CudaKernel[] = comparisonOps.map((kernelName, op) =>
  cudaKernel<Present<BinaryInputs>, object>(kernelName, ({ inputs: { a, b }, backend, fallback }) => {
    const name = comparisonOf[a.dtype as DeviceDtype];
    const { shape, walk } = broadcastWalk(a.shape, b.shape);
    if (a.dtype !== b.dtype || name === undefined || walk === undefined) return fallback();
    const out = backend.output(shape, "bool");
    launch(backend, name, op, operands(backend, a, b), out, walk);
    return out.info;
  }),
);

/** Conjunction and disjunction of bool tensors that broadcast. */
export const logicalKernels: readonly CudaKernel[] = (["LogicalAnd", "LogicalOr"] as const).map((kernelName, op) =>
  cudaKernel<Present<BinaryInputs>, object>(kernelName, ({ inputs: { a, b }, backend, fallback }) => {
    const { shape, walk } = broadcastWalk(a.shape, b.shape);
    if (a.dtype !== "bool" || b.dtype !== "bool" || walk === undefined) return fallback();
    const out = backend.output(shape, "bool");
    launch(backend, "kvfold_logic", op, operands(backend, a, b), out, walk);
    return out.info;
  }),
);

/** Place of "equal" among the comparisons. */
const equal = 0;

/** Negation of a bool tensor: where it equals false. */
export const logicalNot = cudaKernel<{ x: TensorInfo }, object>(
  "LogicalNot",
  ({ inputs: { x }, backend, fallback }) => {
    if (x.dtype !== "bool") return fallback();
    const out = backend.output(x.shape, "bool");
    const no = backend.scratch(1);
    backend.engine.fillBytes(no.address, 0, 1);
    const walk = { rank: 1, sizes: [0], first: [1], second: [0] };
    launch(backend, "kvfold_compare_bool", equal, [backend.address(x), no.address], out, walk);
    backend.engine.pool.give(no);
    return out.info;
  },
);

/** Sum of any number of tensors of one shape, which gradients are made of. */
export const addN = cudaKernel<TensorInfo[], object>("AddN", ({ inputs, backend, fallback }) => {
  const [first, ...rest] = inputs;
  if (first === undefined || rest.length === 0 || inputs.some(({ dtype }) => dtype !== "float32")) return fallback();
  const out = backend.output(first.shape);
  const walk = { rank: 1, sizes: [0], first: [1], second: [1] };
  let sum = backend.address(first);
  for (const term of rest) {
    launch(backend, "kvfold_arithmetic", arithmeticOps.indexOf("Add"), [sum, backend.address(term)], out, walk);
    sum = out.address;
  }
  return out.info;
});

/** Adds a bias to each row, and other rows, to `rows` of `columns` float32 numbers that lie at an address. */
export function addToRows(
  backend: CudaBackend,
  address: number,
  [rows, columns]: readonly [number, number],
  { bias, residual }: { readonly bias?: number | undefined; readonly residual?: number | undefined },
): void {
  const out = { address, length: rows * columns };
  const add = arithmeticOps.indexOf("Add");
  const each = { rank: 1, sizes: [0], first: [1], second: [1] };
  const repeated = { rank: 2, sizes: [rows, columns], first: [columns, 1], second: [0, 1] };
  if (bias !== undefined) launch(backend, "kvfold_arithmetic", add, [address, bias], out, repeated);
  if (residual !== undefined) launch(backend, "kvfold_arithmetic", add, [address, residual], out, each);
}

import { backend_util, type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { CudaBackend, Output } from "../backend/cuda-backend.js";
import { type CudaKernel, cudaKernel, onDevice } from "../backend/cuda-kernel.js";
import type { DeviceDtype } from "../backend/tensor-data.js";
import { deviceKernel, deviceKernels } from "../engine/device-kernel.js";
import { type Grouped, grouped } from "./grouped-axes.js";

/** Sum, Mean, Min, Prod, Any and All call their axes `axis`, Max calls them `reductionIndices`. */
interface ReductionAttrs {
  readonly axis?: number | number[];
  readonly reductionIndices?: number | number[];
  readonly keepDims?: boolean;
}

const names = [
  "kvfold_reduce_rows",
  "kvfold_reduce_rows_int",
  "kvfold_reduce_rows_bool",
  "kvfold_reduce_columns",
  "kvfold_reduce_columns_int",
  "kvfold_reduce_columns_bool",
] as const;

const kernels = deviceKernels(names, {
  x: "address",
  out: "address",
  outer: "count",
  n: "count",
  inner: "count",
  length: "count",
  parts: "int",
  op: "int",
  scale: "float",
  unused: "int",
});

/** In the order of `join` in native/kernels/tensor/reduce.cu; a mean is a sum times 1 / n. */
const reductions = ["Sum", "Max", "Min", "Prod", "Any", "All", "Mean"] as const;

/** Which types a reduction has on the device. */
function covers(kernelName: (typeof reductions)[number], { dtype }: TensorInfo): boolean {
  if (kernelName === "Any" || kernelName === "All") return dtype === "bool";
  return dtype === "float32" || (dtype === "int32" && kernelName !== "Mean");
}

/** Elements of a dimension that one block, or one thread, goes through alone. */
const rowPart = 16_384;
const columnPart = 256;
/** Results that keep the device busy without cutting the dimension. */
const enough = 4096;

/** Reductions over any axes. Long ones are cut into parts, whose results are joined by a second launch. */
export const reductionKernels: readonly CudaKernel[] = reductions.map((kernelName, place) =>
  cudaKernel<{ x: TensorInfo }, ReductionAttrs>(kernelName, ({ inputs: { x }, attrs, backend, fallback }) => {
    if (!covers(kernelName, x) || !onDevice(x)) return fallback();
    const axes = util.parseAxisParam((attrs.axis ?? attrs.reductionIndices) as number | number[], x.shape);
    const [kept, reduced] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    const n = util.sizeFromShape(reduced);
    if (n === 0 && kernelName !== "Sum") return fallback();
    const source = grouped(x, axes, backend);
    if (source === undefined) return fallback();
    const shape = attrs.keepDims === true ? backend_util.expandShapeToKeepDim(kept, axes) : kept;
    const out = backend.output(shape, x.dtype);
    const mean = kernelName === "Mean";
    reduce(backend, x.dtype, source, out, mean ? 0 : place, mean ? 1 / n : 1);
    source.release();
    return out.info;
  }),
);

function reduce(
  backend: CudaBackend,
  dtype: DeviceDtype,
  source: Grouped,
  out: Output,
  op: number,
  scale: number,
): void {
  const { outer, n, inner } = source;
  const most = inner === 1 ? rowPart : columnPart;
  const parts = outer * inner >= enough ? 1 : Math.min(1024, Math.ceil(n / most));
  if (parts <= 1) {
    launch(backend, dtype, source, out.address, { op, scale, parts: 1, length: n });
    return;
  }
  const partial = backend.output([outer, parts, inner], dtype);
  launch(backend, dtype, source, partial.address, { op, scale: 1, parts, length: Math.ceil(n / parts) });
  const joined = { address: partial.address, outer, n: parts, inner, release: () => {} };
  launch(backend, dtype, joined, out.address, { op, scale, parts: 1, length: parts });
  backend.disposeData(partial.info.dataId);
}

function launch(
  { engine }: CudaBackend,
  dtype: DeviceDtype,
  { address, outer, n, inner }: Grouped,
  out: number,
  rest: { readonly op: number; readonly scale: number; readonly parts: number; readonly length: number },
): void {
  const suffix = dtype === "float32" ? "" : (`_${dtype === "int32" ? "int" : "bool"}` as const);
  const values = { x: address, out, outer, n, inner, ...rest };
  if (inner === 1) {
    const threads = rest.length > 128 ? 256 : 32;
    engine.launch(kernels[`kvfold_reduce_rows${suffix}`], values, { grid: [outer, rest.parts], block: [threads] });
  } else {
    const shape = engine.loopOver(outer * rest.parts * inner);
    engine.launch(kernels[`kvfold_reduce_columns${suffix}`], values, shape);
  }
}

const argBest = deviceKernel("kvfold_arg_best", {
  x: "address",
  out: "address",
  rows: "count",
  n: "count",
  inner: "count",
  largest: "int",
  unused: "int",
});

/** Places of the largest, or smallest, elements along an axis. */
export const argBestKernels: readonly CudaKernel[] = (["ArgMax", "ArgMin"] as const).map((kernelName) =>
  cudaKernel<{ x: TensorInfo }, { axis: number }>(kernelName, ({ inputs: { x }, attrs, backend, fallback }) => {
    const [axis] = util.parseAxisParam(attrs.axis, x.shape) as [number];
    if (x.dtype !== "float32" || x.shape[axis] === 0) return fallback();
    const { info, address, length } = backend.output([...x.shape.slice(0, axis), ...x.shape.slice(axis + 1)], "int32");
    const inner = util.sizeFromShape(x.shape.slice(axis + 1));
    const n = x.shape[axis] as number;
    const largest = kernelName === "ArgMax" ? 1 : 0;
    const values = { x: backend.address(x), out: address, rows: length / inner, n, inner, largest };
    if (length > 0) backend.engine.launch(argBest, values, { grid: [Math.ceil(length / 8)], block: [256] });
    return info;
  }),
);

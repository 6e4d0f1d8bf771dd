import { backend_util, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { grouped } from "../grouped-axes.js";
import { type NativeKernel, nativeKernel } from "../native-kernel.js";

/** Sum, Mean, Min and Prod call their axes `axis`, Max calls them `reductionIndices`. */
interface ReductionAttrs {
  readonly axis?: number | number[];
  readonly reductionIndices?: number | number[];
  readonly keepDims?: boolean;
}

/** In the order of `Reduction` in native/kernels/reduce.h. */
const reductions = ["Sum", "Mean", "Max", "Min", "Prod"] as const;

/** Reductions of float32 tensors over any axes. Sums are added in double precision. */
export const reductionKernels: readonly NativeKernel[] = reductions.map((kernelName, op) =>
  nativeKernel<{ x: TensorInfo }, ReductionAttrs>(kernelName, ({ inputs: { x }, attrs, backend, fallback }) => {
    if (x.dtype !== "float32") return fallback();
    const axes = util.parseAxisParam((attrs.axis ?? attrs.reductionIndices) as number | number[], x.shape);
    const [kept, reduced] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    if (util.sizeFromShape(reduced) === 0 && kernelName !== "Sum") return fallback();
    const source = grouped(x, axes, backend);
    if (source === undefined) return fallback();
    const shape = attrs.keepDims === true ? backend_util.expandShapeToKeepDim(kept, axes) : kept;
    const { info, values } = backend.output(shape);
    backend.addon.reduce(op, source.values, source.outer, source.n, source.inner, values);
    source.release();
    return info;
  }),
);

/** Places of the largest, or smallest, elements along an axis. */
export const argBestKernels: readonly NativeKernel[] = (["ArgMax", "ArgMin"] as const).map((kernelName) =>
  nativeKernel<{ x: TensorInfo }, { axis: number }>(kernelName, ({ inputs: { x }, attrs, backend, fallback }) => {
    const [axis] = util.parseAxisParam(attrs.axis, x.shape) as [number];
    if (x.dtype !== "float32" || x.shape[axis] === 0) return fallback();
    const source = grouped(x, [axis], backend, true);
    if (source === undefined) return fallback();
    const { info, values } = backend.outputInts([...x.shape.slice(0, axis), ...x.shape.slice(axis + 1)]);
    backend.addon.argBest(kernelName === "ArgMax", source.values, values.length, source.n, values);
    source.release();
    return info;
  }),
);

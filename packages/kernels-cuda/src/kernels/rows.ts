import { type CumsumAttrs, type CumsumInputs, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { type CudaKernel, cudaKernel, type Present } from "../backend/cuda-kernel.js";
import { deviceKernel, deviceKernels } from "../engine/device-kernel.js";

const softmaxKernel = deviceKernel("kvfold_softmax", {
  x: "address",
  out: "address",
  rows: "count",
  n: "count",
  logarithm: "int",
  unused: "int",
});

/** Softmax, and its logarithm, over the last axis; the others are left to the JavaScript kernel, which refuses them. */
export const softmaxKernels: readonly CudaKernel[] = (["Softmax", "LogSoftmax"] as const).map((kernelName, logarithm) =>
  cudaKernel<{ logits: TensorInfo }, { dim?: number; axis?: number }>(
    kernelName,
    ({ inputs: { logits }, attrs, backend, fallback }) => {
      const last = logits.shape.length - 1;
      const axis = attrs.dim ?? attrs.axis ?? -1;
      if (logits.dtype !== "float32" || last < 0 || (axis !== -1 && axis !== last)) return fallback();
      const { info, address, length } = backend.output(logits.shape);
      const n = logits.shape[last] as number;
      const rows = util.sizeFromShape(logits.shape.slice(0, last));
      const values = { x: backend.address(logits), out: address, rows, n, logarithm };
      if (length > 0) backend.engine.launch(softmaxKernel, values, { grid: [rows], block: [n > 128 ? 256 : 32] });
      return info;
    },
  ),
);

const cumulative = deviceKernels(["kvfold_cumulative", "kvfold_cumulative_int"], {
  x: "address",
  out: "address",
  outer: "count",
  n: "count",
  inner: "count",
  product: "int",
  exclusive: "int",
  reverse: "int",
  unused: "int",
});

/** Running sums and products along an axis. */
export const cumulativeKernels: readonly CudaKernel[] = (["Cumsum", "Cumprod"] as const).map((kernelName, product) =>
  cudaKernel<Present<CumsumInputs>, CumsumAttrs>(
    kernelName,
    ({ inputs: { x }, attrs: { axis, exclusive, reverse }, backend, fallback }) => {
      if (x.dtype !== "float32" && x.dtype !== "int32") return fallback();
      const [along] = util.parseAxisParam(axis, x.shape) as [number];
      const { info, address, length } = backend.output(x.shape, x.dtype);
      if (length === 0) return info;
      const n = x.shape[along] as number;
      const inner = util.sizeFromShape(x.shape.slice(along + 1));
      const outer = length / n / inner;
      const flags = { product, exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 };
      backend.engine.launch(
        x.dtype === "float32" ? cumulative.kvfold_cumulative : cumulative.kvfold_cumulative_int,
        { x: backend.address(x), out: address, outer, n, inner, ...flags },
        { grid: [Math.ceil((outer * inner) / 8)], block: [256] },
      );
      return info;
    },
  ),
);

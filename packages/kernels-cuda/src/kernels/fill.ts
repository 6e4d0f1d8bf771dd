import type { DataType, FillAttrs, TensorInfo } from "@tensorflow/tfjs-core";
import type { CudaBackend, Output } from "../backend/cuda-backend.js";
import { cudaKernel, onDevice } from "../backend/cuda-kernel.js";
import type { DeviceDtype } from "../backend/tensor-data.js";

const bits = new DataView(new ArrayBuffer(4));

/** A number as the 32 bits of a float32 or an int32. */
export function wordOf(dtype: DataType, value: number): number {
  if (dtype === "float32") bits.setFloat32(0, value);
  else bits.setInt32(0, value);
  return bits.getUint32(0);
}

/** Gives every element of a tensor the same value. */
export function fillElements({ engine }: CudaBackend, out: Output, dtype: DataType, value: number): void {
  if (dtype === "bool") engine.fillBytes(out.address, value === 0 ? 0 : 1, out.length);
  else engine.fillWords(out.address, wordOf(dtype, value), out.length);
}

/** A tensor of one number. */
export const fill = cudaKernel<object, FillAttrs>(
  "Fill",
  ({ attrs: { shape, value, dtype = "float32" }, backend, fallback }) => {
    if (typeof value !== "number" || !onDevice({ dtype })) return fallback();
    return filled(backend, shape, dtype as DeviceDtype, value);
  },
);

function filled(backend: CudaBackend, shape: number[], dtype: DeviceDtype, value: number): TensorInfo {
  const out = backend.output(shape, dtype);
  fillElements(backend, out, dtype, value);
  return out.info;
}

/** Zeros, and ones, of the shape and type of a tensor. */
export const likeKernels = (["ZerosLike", "OnesLike"] as const).map((kernelName, value) =>
  cudaKernel<{ x: TensorInfo }, object>(kernelName, ({ inputs: { x }, backend, fallback }) =>
    onDevice(x) ? filled(backend, x.shape, x.dtype, value) : fallback(),
  ),
);

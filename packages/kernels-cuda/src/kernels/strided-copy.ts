import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { CudaBackend, Output } from "../backend/cuda-backend.js";
import { elementBytes } from "../backend/tensor-data.js";
import { deviceKernel } from "../engine/device-kernel.js";
import type { Walk } from "./walk.js";

const kernel = deviceKernel("kvfold_strided_copy", {
  x: "address",
  out: "address",
  xSteps: "long[8]",
  outSteps: "long[8]",
  n: "int",
  elementBytes: "int",
  rank: "int",
  sizes: "int[8]",
  unused: "int",
});

/**
 * Copies elements of `x` to `out` along a walk (its first operand is x); `from` and `to` are the places, in elements, where
 * the walk begins.
 */
export function stridedCopy(
  backend: CudaBackend,
  x: TensorInfo,
  out: Output,
  { rank, sizes, first, second }: Walk,
  { from = 0, to = 0 } = {},
): void {
  const bytes = elementBytes(x.dtype);
  const n = sizes.reduce((product, size) => product * size, 1);
  const [source, target] = [backend.address(x) + from * bytes, out.address + to * bytes];
  if (rank === 1 && first[0] === 1 && second[0] === 1) {
    backend.engine.copy(target, source, n * bytes);
    return;
  }
  const values = { x: source, out: target, n, elementBytes: bytes, rank, sizes, xSteps: first, outSteps: second };
  backend.engine.launch(kernel, values, backend.engine.loopOver(n));
}

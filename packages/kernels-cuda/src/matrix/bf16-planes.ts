import type { CudaBackend } from "../backend/cuda-backend.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_bf16_planes", {
  x: "address",
  main: "address",
  rest: "address",
  count: "long",
  headDim: "int",
  dims: "int",
  factor: "float",
});

/** Vectors in bf16. */
export interface Planes {
  readonly planes: { readonly main: number; readonly rest: number };
  /** Gives the memory back. */
  release(): void;
}

/** Rounds `count` vectors of `headDim` float32 numbers, times `factor`, padded to `dims`. */
export function roundToPlanes(
  backend: CudaBackend,
  x: number,
  count: number,
  options: { readonly headDim: number; readonly dims: number; readonly factor: number },
): Planes {
  const { dims } = options;
  const main = backend.scratch(2 * count * dims);
  const planes = { main: main.address, rest: 0 };
  const shape = { grid: [Math.ceil((count * dims) / 1024)], block: [256] } as const;
  backend.engine.launch(kernel, { x, ...planes, count, ...options }, shape);
  return { planes, release: () => backend.engine.pool.give(main) };
}

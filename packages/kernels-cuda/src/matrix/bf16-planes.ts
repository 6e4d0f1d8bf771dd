import type { CudaBackend } from "../backend/cuda-backend.js";
import { deviceKernel } from "../engine/device-kernel.js";

/** `Bf16Planes` of native/kernels/args/column-attention.h. */
export const planesFields = { main: "address", rest: "address" } as const;

const kernel = deviceKernel("kvfold_bf16_planes", {
  x: "address",
  main: "address",
  rest: "address",
  count: "long",
  headDim: "int",
  dims: "int",
  factor: "float",
});

/** Vectors in bf16, and what that leaves of them as bf16 again: together 16 bits of each number. */
export interface Planes {
  readonly planes: { readonly main: number; readonly rest: number };
  /** Gives the memory back. */
  release(): void;
}

/** Rounds `count` vectors of `headDim` float32 numbers, times `factor`, padded to `dims`; the rest only where `exact`. */
export function roundToPlanes(
  backend: CudaBackend,
  x: number,
  count: number,
  options: { readonly headDim: number; readonly dims: number; readonly factor: number; readonly exact: boolean },
): Planes {
  const { headDim, dims, factor, exact } = options;
  const main = backend.scratch(2 * count * dims);
  const rest = exact ? backend.scratch(2 * count * dims) : undefined;
  const planes = { main: main.address, rest: rest?.address ?? 0 };
  const shape = { grid: [Math.ceil((count * dims) / 1024)], block: [256] } as const;
  backend.engine.launch(kernel, { x, ...planes, count, headDim, dims, factor }, shape);
  return {
    planes,
    release: () => {
      backend.engine.pool.give(main);
      if (rest !== undefined) backend.engine.pool.give(rest);
    },
  };
}

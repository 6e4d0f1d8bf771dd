import type { CudaBackend } from "../backend/cuda-backend.js";
import { deviceKernel, deviceKernels } from "../engine/device-kernel.js";
import type { Block } from "../engine/memory-pool.js";
import { addToRows } from "../kernels/binary.js";
import type { Product } from "./multiply.js";

const gemms = deviceKernels(
  [
    "kvfold_gemm_nn_large",
    "kvfold_gemm_nn_small",
    "kvfold_gemm_nt_large",
    "kvfold_gemm_nt_small",
    "kvfold_gemm_tn_large",
    "kvfold_gemm_tn_small",
    "kvfold_gemm_tt_large",
    "kvfold_gemm_tt_small",
  ],
  {
    a: "address",
    b: "address",
    c: "address",
    cBf16: "address",
    bias: "address",
    residual: "address",
    partials: "address",
    arrivals: "address",
    batchA: "long",
    batchB: "long",
    batchC: "long",
    m: "int",
    n: "int",
    k: "int",
    lda: "int",
    ldb: "int",
    ldc: "int",
    splits: "int",
    alpha: "float",
  },
);

const toBf16 = deviceKernel("kvfold_to_bf16", {
  x: "address",
  out: "address",
  rows: "long",
  columns: "int",
  ldOut: "int",
});

/** A matrix in bf16 with rows that start at multiples of 16 bytes. */
interface Bf16Matrix {
  readonly address: number;
  /** Numbers from one row to the next, and from one matrix of a stack to the next. */
  readonly stride: number;
  readonly batch: number;
}

/** Rounds float32 rows to bf16 in scratch memory that the caller gives back. */
export function roundToBf16(
  backend: CudaBackend,
  x: number,
  rows: number,
  columns: number,
): { readonly block: Block; readonly stride: number } {
  const stride = Math.ceil(columns / 8) * 8;
  const block = backend.scratch(2 * rows * stride);
  const shape = { grid: [Math.ceil((rows * stride) / 1024)] as [number], block: [256] as [number] };
  backend.engine.launch(toBf16, { x, out: block.address, rows, columns, ldOut: stride }, shape);
  return { block, stride };
}

/** Rounds both sides to bf16 and multiplies them on tensor cores, with sums in float32. */
export function multiplyBf16(backend: CudaBackend, product: Product): void {
  const { a, b, out, m, n, k, transposeA, transposeB, batch, aStep, bStep } = product;
  const [aRows, aColumns] = transposeA ? [k, m] : [m, k];
  const [bRows, bColumns] = transposeB ? [n, k] : [k, n];
  const left = roundToBf16(backend, a, aRows * (aStep === 0 ? 1 : batch), aColumns);
  const right = roundToBf16(backend, b, bRows * (bStep === 0 ? 1 : batch), bColumns);
  gemm(backend, {
    a: { address: left.block.address, stride: left.stride, batch: aStep * aRows * left.stride },
    b: { address: right.block.address, stride: right.stride, batch: bStep * bRows * right.stride },
    transposeA,
    transposeB,
    out,
    batch,
    m,
    n,
    k,
  });
  backend.engine.pool.give(left.block);
  backend.engine.pool.give(right.block);
}

/** A product of matrices that are in bf16, with what is added to it. */
interface Gemm {
  readonly a: Bf16Matrix;
  readonly b: Bf16Matrix;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly out: number;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly bias?: number | undefined;
  readonly residual?: number | undefined;
}

/** Launches the product that the plan for its size says. */
export function gemm(backend: CudaBackend, product: Gemm): void {
  const { a, b, transposeA, transposeB, out, batch, m, n, k, bias = 0, residual = 0 } = product;
  const { engine } = backend;
  const strides = { strideA: a.stride, strideB: b.stride, batchA: a.batch, batchB: b.batch };
  const sizes = { out, m, n, k, transposeA, transposeB, batch, ...strides };
  // the library writes before anything is added
  const apart = residual !== out;
  if (apart && engine.blas?.multiply({ ...sizes, type: "bf16", a: a.address, b: b.address })) {
    addToRows(backend, out, [batch * m, n], { bias: product.bias, residual: product.residual });
    return;
  }
  const plan = engine.plans.planGemm(m, n, k, batch, engine.device.multiprocessors);
  const partials = plan.splits > 1 ? backend.scratch(4 * plan.partialFloats) : undefined;
  const values = {
    a: a.address,
    b: b.address,
    c: out,
    bias,
    residual,
    partials: partials?.address ?? 0,
    arrivals: plan.splits > 1 ? engine.zeros(4 * plan.tiles * batch) : 0,
    batchA: a.batch,
    batchB: b.batch,
    batchC: m * n,
    m,
    n,
    k,
    lda: a.stride,
    ldb: b.stride,
    ldc: n,
    splits: plan.splits,
    alpha: 1,
  };
  const sides = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}` as const;
  engine.launch(gemms[`kvfold_gemm_${sides}_${plan.tile}`], values, {
    grid: [plan.tiles, plan.splits, batch],
    block: [plan.block],
    sharedBytes: plan.sharedBytes,
  });
  if (partials !== undefined) engine.pool.give(partials);
}

import type { CudaBackend } from "../backend/cuda-backend.js";
import { deviceKernel } from "../engine/device-kernel.js";
import { multiplyBf16 } from "./multiply-bf16.js";

/** A stack of products of float32 matrices, by their addresses. */
export interface Product {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** True where a side lies transposed: a as `[k, m]`, b as `[n, k]`. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly batch: number;
  /** Matrices from one product's side to the next; 0 where one serves all. */
  readonly aStep: number;
  readonly bStep: number;
}

const kernel = deviceKernel("kvfold_matmul_f32", {
  a: "address",
  b: "address",
  out: "address",
  aBatch: "long",
  bBatch: "long",
  aRow: "long",
  aColumn: "long",
  bRow: "long",
  bColumn: "long",
  m: "int",
  n: "int",
  k: "int",
  unused: "int",
});

/** Rows and columns of a block's tile. */
const tile = 64;
/** Most blocks along z. */
const mostBatches = 65_535;
/** Rows from which rounding to bf16 pays. */
const manyRows = 16;

/** Multiplies in the precision that the engine was opened with. */
export function multiply(backend: CudaBackend, product: Product): void {
  const { a, b, out, m, n, k, transposeA, transposeB, batch, aStep, bStep } = product;
  if (batch > mostBatches) {
    const rest = batch - mostBatches;
    multiply(backend, { ...product, batch: mostBatches });
    const [aRest, bRest] = [a + 4 * mostBatches * aStep * m * k, b + 4 * mostBatches * bStep * k * n];
    multiply(backend, { ...product, a: aRest, b: bRest, out: out + 4 * mostBatches * m * n, batch: rest });
    return;
  }
  if (backend.engine.matmulPrecision === "bf16" && m >= manyRows) {
    multiplyBf16(backend, product);
    return;
  }
  const [strideA, strideB] = [transposeA ? m : k, transposeB ? k : n];
  const batches = { batchA: aStep * m * k, batchB: bStep * k * n };
  if (m >= manyRows && backend.engine.blas?.multiply({ ...product, type: "float32", strideA, strideB, ...batches }))
    return;
  const values = {
    a,
    b,
    out,
    aBatch: aStep * m * k,
    bBatch: bStep * k * n,
    aRow: transposeA ? 1 : k,
    aColumn: transposeA ? m : 1,
    bRow: transposeB ? 1 : n,
    bColumn: transposeB ? k : 1,
    m,
    n,
    k,
  };
  backend.engine.launch(kernel, values, { grid: [Math.ceil(n / tile), Math.ceil(m / tile), batch], block: [256] });
}

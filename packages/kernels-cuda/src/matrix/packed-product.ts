import type { PackedWeight } from "@kvfold/core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { deviceKernels } from "../engine/device-kernel.js";
import { addToRows } from "../kernels/binary.js";
import { deviceWeight, weightFormats } from "./device-weight.js";
import { multiply } from "./multiply.js";
import { gemm, roundToBf16 } from "./multiply-bf16.js";

/** Products of few rows, straight from the packed weight; `exact` in float32, the others with 16 bits of each activation. */
const packedLinear = deviceKernels(
  weightFormats.flatMap(
    (format) => [`kvfold_packed_linear_exact_${format}`, `kvfold_packed_linear_${format}`] as const,
  ),
  {
    x: "address",
    planes: "address[4]",
    bias: "address",
    residual: "address",
    y: "address",
    tokens: "int",
    inputs: "int",
    outputs: "int",
  },
);

const unpack = deviceKernels(
  weightFormats.map((format) => `kvfold_unpack_${format}` as const),
  { planes: "address[4]", outBf16: "address", outFloat: "address", outputs: "long", inputs: "int" },
);

/** `x weight^T + bias + residual` by addresses; 0 where nothing is added. */
export interface PackedProduct {
  readonly x: number;
  readonly rows: number;
  readonly weight: PackedWeight;
  readonly y: number;
  readonly bias?: number | undefined;
  /** May be `y`. */
  readonly residual?: number | undefined;
}

/** Rows from which a weight is unpacked once instead of read once for 8 rows. */
const manyRows = 64;

/** Multiplies rows by a packed weight in the precision that the engine was opened with. */
export function multiplyPacked(backend: CudaBackend, product: PackedProduct): void {
  const { x, rows, weight, y, bias, residual } = product;
  const { engine } = backend;
  const [outputs, inputs] = weight.shape;
  const { format, planes } = deviceWeight(backend, weight);
  const narrow = engine.matmulPrecision === "bf16";
  if (rows < manyRows && inputs % 32 === 0) {
    engine.launch(
      packedLinear[`kvfold_packed_linear_${narrow ? "" : "exact_"}${format}` as const],
      { x, planes, bias: bias ?? 0, residual: residual ?? 0, y, tokens: rows, inputs, outputs },
      { grid: [Math.ceil(outputs / 32), Math.ceil(rows / 8)], block: [256] },
    );
    return;
  }
  const bf16 = narrow && inputs % 8 === 0;
  const unpacked = backend.scratch((bf16 ? 2 : 4) * outputs * inputs);
  const target = bf16 ? { outBf16: unpacked.address } : { outFloat: unpacked.address };
  const grid = [Math.ceil((outputs * inputs) / 8192)] as const;
  engine.launch(unpack[`kvfold_unpack_${format}`], { planes, ...target, outputs, inputs }, { grid, block: [256] });
  const sizes = { m: rows, n: outputs, k: inputs, transposeA: false, transposeB: true, batch: 1 };
  if (bf16) {
    const { block, stride } = roundToBf16(backend, x, rows, inputs);
    const sideOf = (address: number) => ({ address, stride, batch: 0 });
    gemm(backend, { ...sizes, a: sideOf(block.address), b: sideOf(unpacked.address), out: y, bias, residual });
    engine.pool.give(block);
  } else {
    multiply(backend, { ...sizes, a: x, b: unpacked.address, out: y, aStep: 0, bStep: 0 });
    addToRows(backend, y, [rows, outputs], { bias, residual });
  }
  engine.pool.give(unpacked);
}

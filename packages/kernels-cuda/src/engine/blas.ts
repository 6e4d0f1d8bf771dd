import type { BlasPlan, CudaAddon, EngineHandle } from "../driver/cuda-addon.js";
import type { MemoryPool } from "./memory-pool.js";

/** A stack of row-major products `out [m, n] = a b`, by addresses, as cuBLASLt is asked for it. */
export interface BlasProduct {
  readonly type: "float32" | "bf16";
  readonly a: number;
  readonly b: number;
  /** float32, rows without gaps. */
  readonly out: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** True where a side lies transposed: a as `[k, m]`, b as `[n, k]`. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Numbers from one row to the next. */
  readonly strideA: number;
  readonly strideB: number;
  readonly batch: number;
  /** Numbers from one matrix to the next; 0 where one serves all. */
  readonly batchA: number;
  readonly batchB: number;
}

/** What an engine lends. */
export interface BlasHost {
  readonly pool: MemoryPool;
  /** Asks the library. */
  ask<Result>(call: (addon: CudaAddon, engine: EngineHandle) => Result): Result;
  /** Puts work on the stream. */
  work(call: (addon: CudaAddon, engine: EngineHandle) => void): void;
}

/** Multiplications from which the library is asked: what is smaller is bound by launches, and ours need none to choose. */
const fewest = 2 ** 24;
/** What the library may use beside operands and result. */
const workspaceBytes = 32 * 2 ** 20;
/** The library may count on addresses like those of its own memory. */
const alignment = 256;

/** Products by cuBLASLt. It is asked once for each shape how to make it, so that the same product is the same bits again. */
export class Blas {
  readonly #host: BlasHost;
  readonly #plans = new Map<string, BlasPlan | undefined>();

  /** @param path of the library, which {@link findBlas} has opened */
  constructor(host: BlasHost, path: string) {
    this.#host = host;
    host.ask((addon, engine) => addon.blasUse(engine, path));
  }

  /** @returns false when this product is left to the kernels of the package; nothing was done */
  multiply(product: BlasProduct): boolean {
    const { a, b, out, m, n, k, batch } = product;
    if (batch * m * n * k < fewest || [a, b, out].some((address) => address % alignment !== 0)) return false;
    const plan = this.#planFor(product);
    if (plan === undefined) return false;
    const { pool } = this.#host;
    const workspace = pool.take(Math.max(plan.workspaceBytes, 4), "scratch");
    this.#host.work((addon, engine) => addon.blasRun(engine, plan.plan, a, b, out, workspace.address));
    pool.give(workspace);
    return true;
  }

  #planFor({ type, m, n, k, transposeA, transposeB, strideA, strideB, batch, batchA, batchB }: BlasProduct) {
    const sides = [Number(transposeA), Number(transposeB), strideA, strideB] as const;
    const numbers = [type === "float32" ? 0 : 1, m, n, k, ...sides, batch, batchA, batchB] as const;
    const key = numbers.join();
    if (!this.#plans.has(key)) {
      this.#plans.set(
        key,
        this.#host.ask((addon, engine) => addon.blasPlan(engine, ...numbers, workspaceBytes)),
      );
    }
    return this.#plans.get(key);
  }
}

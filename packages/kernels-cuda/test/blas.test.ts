// Large products by an emulated cuBLASLt, which checks what it is given.
import { KvfoldError } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CudaBackend } from "../src/backend/cuda-backend.js";
import { findBlas } from "../src/driver/find-blas.js";
import { type CudaDriver, openDriver } from "../src/driver/open-driver.js";
import { CudaEngine } from "../src/engine/cuda-engine.js";
import { WorkRecording } from "../src/engine/work-recording.js";
import { loadCuda, probe } from "../src/index.js";
import { multiply } from "../src/matrix/multiply.js";
import { emulatedImages, loadEmulator } from "./emulated-driver.js";

const emulator = loadEmulator();

const backendOf = (matmulPrecision: "float32" | "bf16", blas = emulator?.path) => {
  const driver = openDriver(13_000, emulator?.path) as CudaDriver;
  return new CudaBackend(new CudaEngine({ driver, ordinal: 0, images: emulatedImages, matmulPrecision, blas }));
};

/** Shapes of at least 2^24 multiplications. */
const shapes = fc
  .record({
    m: fc.integer({ min: 40, max: 300 }),
    n: fc.integer({ min: 100, max: 300 }),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    batch: fc.integer({ min: 1, max: 3 }),
    shared: fc.constantFrom("a", "b", "neither"),
    seed: fc.nat(),
  })
  .map((shape) => ({ ...shape, k: Math.ceil(2 ** 24 / (shape.batch * shape.m * shape.n)) }));
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

/** The same numbers every time, and the product of them. */
function product(backend: CudaBackend, shape: Shape) {
  const { m, n, k, batch, shared, seed } = shape;
  const random = seeded(seed);
  const [aStep, bStep] = [shared === "a" ? 0 : 1, shared === "b" ? 0 : 1];
  const [a, b] = [random.normals((aStep === 0 ? 1 : batch) * m * k), random.normals((bStep === 0 ? 1 : batch) * k * n)];
  const { engine } = backend;
  const blocks = [a.length, b.length, batch * m * n].map((length) => engine.pool.take(4 * length));
  const [left, right, out] = blocks.map(({ address }) => address) as [number, number, number];
  engine.upload(left, a);
  engine.upload(right, b);
  const run = () => multiply(backend, { ...shape, a: left, b: right, out, aStep, bStep });
  run();
  const found = new Float32Array(batch * m * n);
  engine.download(out, found);
  const release = () => {
    for (const block of blocks) engine.pool.give(block);
  };
  return { a, b, aStep, bStep, found, run, release };
}

describe.skipIf(emulator === undefined)("cuBLASLt", () => {
  let backends: CudaBackend[];
  beforeAll(() => {
    backends = [backendOf("float32"), backendOf("bf16")];
  });
  afterAll(() => {
    for (const backend of backends) backend.dispose();
    expect(emulator?.report()).toMatchObject({ blasObjects: 0, allocations: 0, graphs: 0, problems: [] });
  });

  it.each([0, 1])("multiplies stacks of any form, turned sides and shared ones (%i)", (which) => {
    const backend = backends[which] as CudaBackend;
    // operands of bfloat16 are off by 1/512 each
    const tolerance = which === 0 ? 1e-5 : 6e-3;
    fc.assert(
      fc.property(shapes, (shape) => {
        const before = emulator?.report().products ?? 0;
        const { m, n, k, transposeA, transposeB, batch, seed } = shape;
        const { a, b, aStep, bStep, found, release } = product(backend, shape);
        expect(emulator?.report().products).toBe(before + 1);
        const random = seeded(seed + 1);
        for (let i = 0; i < 40; i++) {
          const at = Math.floor(random.next() * found.length);
          const [matrix, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
          let [sum, size] = [0, 0];
          for (let j = 0; j < k; j++) {
            const x = a[matrix * aStep * m * k + (transposeA ? j * m + row : row * k + j)] as number;
            const y = b[matrix * bStep * k * n + (transposeB ? column * k + j : j * n + column)] as number;
            sum += x * y;
            size += Math.abs(x * y);
          }
          expect(Math.abs((found[at] as number) - sum), `${at} of ${batch}x${m}x${n}`).toBeLessThan(tolerance * size);
        }
        release();
      }),
      { numRuns: 5, seed: 7 },
    );
  });

  const some: Shape = {
    m: 64,
    n: 256,
    k: 1024,
    transposeA: false,
    transposeB: true,
    batch: 1,
    shared: "neither",
    seed: 1,
  };

  it("asks once for each shape, and is recorded like any other work", () => {
    const [backend] = backends as [CudaBackend];
    const { engine } = backend;
    const objects = emulator?.report().blasObjects ?? 0;
    const { run, release } = product(backend, some);
    const asked = (emulator?.report().blasObjects ?? 0) - objects;
    const recording = new WorkRecording(engine);
    engine.record(recording);
    run();
    engine.record(undefined);
    expect(recording.finish()).toBe(true);
    const before = emulator?.report().products ?? 0;
    recording.run();
    recording.run();
    engine.synchronize();
    expect(emulator?.report().products).toBe(before + 3); // the recorded one waited, too
    expect((emulator?.report().blasObjects ?? 0) - objects).toBe(asked);
    recording.dispose();
    release();
  });

  it("leaves small products, and those that the library cannot make, to the package's kernels", () => {
    const [backend] = backends as [CudaBackend];
    const before = emulator?.report().products;
    product(backend, { ...some, k: 1000 }).release();
    emulator?.inject("cublasLtMatmulAlgoGetHeuristic", 15);
    product(backend, { ...some, k: 1025 }).release();
    product(backend, { ...some, k: 1025 }).release();
    expect(emulator?.report().products).toBe(before);
  });

  it.each([
    ["cublasLtMatmul", 13, "CUBLAS_STATUS_EXECUTION_FAILED"],
    ["cublasLtMatmulDescCreate", 3, "CUBLAS_STATUS_ALLOC_FAILED"],
    ["cublasLtMatrixLayoutSetAttribute", 7, "CUBLAS_STATUS_INVALID_VALUE"],
    ["cublasLtMatmulAlgoGetHeuristic", 14, "CUBLAS_STATUS_INTERNAL_ERROR"],
  ])("names what %s answers", (symbol, status, name) => {
    const [backend] = backends as [CudaBackend];
    emulator?.inject(symbol, status);
    const shape = { ...some, k: 1100 + status };
    const objects = emulator?.report().blasObjects;
    let failure: unknown;
    try {
      product(backend, shape);
    } catch (error) {
      failure = error;
    }
    expect(KvfoldError.isInstance(failure) && failure.code).toBe("cuda-call");
    expect((failure as Error).message).toContain(`${symbol} failed with ${name}. Without cuBLASLt`);
    if (symbol !== "cublasLtMatmul") expect(emulator?.report().blasObjects).toBe(objects);
  });

  it("says which library multiplies, and why there is none", () => {
    loadCuda({ driver: emulator?.path ?? "", images: emulatedImages, blas: emulator?.path ?? "" });
    expect(loadCuda()).toMatchObject({ products: "cuBLASLt 13.1" });
    expect(probe()).toMatchObject({ detail: expect.stringMatching(/, matrix products: cuBLASLt 13\.1$/) });
    loadCuda({ blas: "/nowhere/libcublasLt.so.13" });
    expect(loadCuda()).toMatchObject({ products: expect.stringMatching(/^own \(no cuBLASLt: .*cannot open shared/) });
    const { addon } = openDriver(13_000, emulator?.path) as CudaDriver;
    expect(findBlas(addon, "libc.so.6")).toEqual({ reason: "it has no cublasLtGetVersion" });
  });

  it("does not open an engine when the library does not start, and keeps nothing", () => {
    const { contexts } = emulator?.report() ?? {};
    emulator?.inject("cublasLtCreate", 1);
    expect(() => backendOf("float32")).toThrow("cublasLtCreate failed with CUBLAS_STATUS_NOT_INITIALIZED");
    expect(emulator?.report().contexts).toBe(contexts);
  });
});

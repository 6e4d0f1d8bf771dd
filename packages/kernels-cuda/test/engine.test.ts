import { KvfoldError } from "@kvfold/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { driverResult, knownResults } from "../src/driver/driver-results.js";
import { type CudaDriver, openDriver } from "../src/driver/open-driver.js";
import { CudaEngine } from "../src/engine/cuda-engine.js";
import { deviceKernel } from "../src/engine/device-kernel.js";
import { WorkRecording } from "../src/engine/work-recording.js";
import { emulatedImages, loadEmulator } from "./emulated-driver.js";

const emulator = loadEmulator();
const unary = deviceKernel("kvfold_unary", {
  x: "address",
  out: "address",
  n: "count",
  op: "int",
  a: "float",
  b: "float",
  unused: "int",
});
/** Places in the kernel's table of functions. */
const [negate, square] = [19, 32];

const nothing = { contexts: 0, allocations: 0, pinned: 0, streams: 0, events: 0, modules: 0, graphs: 0 };

describe.skipIf(emulator === undefined)("CudaEngine", () => {
  let engine: CudaEngine;
  const open = () => {
    const driver = openDriver(13_000, emulator?.path) as CudaDriver;
    return new CudaEngine({ driver, ordinal: 0, images: emulatedImages });
  };
  beforeEach(() => {
    engine = open();
  });
  afterEach(() => {
    engine.dispose();
    emulator?.reset();
  });

  const apply = (op: number, x: number, out: number, n: number) =>
    engine.launch(unary, { x, out, n, op }, engine.loopOver(n));

  it("copies, launches and reads in order, and leaves nothing behind", () => {
    const values = Float32Array.from({ length: 1_300_000 }, (_, i) => i % 1000);
    const [x, y] = [engine.pool.take(values.byteLength), engine.pool.take(values.byteLength)];
    engine.upload(x.address, values);
    const wanted = values.map((value) => -value);
    values.fill(-1); // what was uploaded does not change any more
    apply(negate, x.address, y.address, values.length);
    const found = new Float32Array(values.length);
    engine.download(y.address, found);
    expect(Buffer.compare(new Uint8Array(found.buffer), new Uint8Array(wanted.buffer))).toBe(0);
    engine.copy(x.address, y.address, 8);
    engine.fillWords(x.address + 8, 0x3f800000, 2);
    engine.fillBytes(x.address + 16, 0, 4);
    const few = new Float32Array(5);
    engine.download(x.address, few);
    expect([...few]).toEqual([-0, -1, 1, 1, 0]);
    for (const block of [x, y]) engine.pool.give(block);
    engine.dispose();
    engine.dispose();
    expect(emulator?.report()).toMatchObject({ ...nothing, problems: [] });
  });

  it("reads without stopping the thread, also while it is disposed of", async () => {
    const x = engine.pool.take(1024);
    engine.upload(x.address, Float32Array.of(1, 2, 3));
    const [first, second] = [engine.downloadAsync(x.address, 12), engine.downloadAsync(x.address + 4, 4)];
    expect(await first).toEqual(Float32Array.of(1, 2, 3).buffer);
    expect(await second).toEqual(Float32Array.of(2).buffer);
    expect(await engine.downloadAsync(x.address, 0)).toEqual(new ArrayBuffer(0));
    engine.pool.give(x);
  });

  it("tells time between marks of the stream", () => {
    const x = engine.pool.take(4 * 100_000);
    expect(engine.time(() => apply(square, x.address, x.address, 100_000))).toBeGreaterThanOrEqual(0);
    engine.pool.give(x);
  });

  it("records work, runs it when it is asked to, again and again", () => {
    const x = engine.pool.take(16);
    engine.upload(x.address, Float32Array.of(2));
    const read = () => {
      const found = new Float32Array(1);
      engine.download(x.address, found);
      return found[0];
    };
    const recording = new WorkRecording(engine);
    engine.record(recording);
    apply(square, x.address, x.address, 1);
    const inner = engine.pool.take(4);
    engine.upload(inner.address, Float32Array.of(2));
    engine.copy(x.address + 4, inner.address, 4);
    engine.pool.give(inner);
    const known = engine.apart(() => {
      apply(square, x.address, x.address, 1);
      return engine.pool.take(4);
    });
    engine.record(undefined);
    expect(recording.finish()).toBe(true);
    expect(read()).toBe(16);
    recording.run();
    expect(read()).toBe(256);
    const other = engine.pool.take(4);
    engine.upload(other.address, Float32Array.of(7));
    recording.run();
    const found = new Float32Array(1);
    engine.download(other.address, found); // memory of the recording is nobody else's
    expect([read(), found[0], recording.heldBlocks]).toEqual([65_536, 7, 0]);
    recording.dispose();
    expect(() => recording.run()).toThrow("disposed");
    for (const block of [x, known, other]) engine.pool.give(block);
    expect(emulator?.report()).toMatchObject({ graphs: 0, problems: [] });
  });

  it.each(knownResults.filter((result) => result !== 2))("names result %i of a launch", (result) => {
    const x = engine.pool.take(16);
    emulator?.inject("cuLaunchKernel", result);
    const { name, meaning, lost } = driverResult(result);
    const failure = failureOf(() => apply(negate, x.address, x.address, 1));
    expect(KvfoldError.isInstance(failure)).toBe(true);
    expect(failure.message).toContain(`cuLaunchKernel failed with ${name}. ${meaning}`);
    expect((failure as KvfoldError).code).toBe(lost ? "cuda-device-lost" : "cuda-call");
    expect(failure.message.includes("start a new one")).toBe(lost === true);
  });

  it.each([
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemsetD32Async",
    "cuMemsetD8Async",
    "cuEventRecord",
    "cuStreamSynchronize",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuCtxSetCurrent",
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuEventElapsedTime",
    "cuFuncGetAttribute",
  ])("gives the error of %s, and everything back", (symbol) => {
    const x = engine.pool.take(64);
    emulator?.inject(symbol, 999);
    const failure = failureOf(() => {
      engine.upload(x.address, Float32Array.of(1));
      engine.fillWords(x.address, 1, 1);
      engine.fillBytes(x.address, 1, 1);
      engine.copy(x.address, x.address + 32, 4);
      engine.time(() => apply(negate, x.address, x.address, 1));
      engine.describeKernel("kvfold_unary");
      engine.graphLaunch(engine.graphOf([]));
      engine.download(x.address, new Float32Array(1));
      engine.synchronize();
    });
    expect(failure.message).toContain(`${symbol} failed with CUDA_ERROR_UNKNOWN`);
    engine.pool.give(x);
    engine.dispose();
    expect(emulator?.report()).toMatchObject({ ...nothing, events: expect.any(Number) });
  });

  it.each(["cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuStreamCreate", "cuMemHostAlloc", "cuEventCreate"])(
    "does not open when %s fails, and keeps nothing",
    (symbol) => {
      engine.dispose();
      const driver = openDriver(13_000, emulator?.path) as CudaDriver;
      emulator?.inject(symbol, 46);
      expect(() => new CudaEngine({ driver, ordinal: 0, images: emulatedImages })).toThrow(
        `${symbol} failed with CUDA_ERROR_DEVICE_UNAVAILABLE`,
      );
      expect(emulator?.report()).toMatchObject({ ...nothing, problems: [] });
    },
  );

  it("rejects a read that fails", async () => {
    const x = engine.pool.take(64);
    emulator?.inject("cuEventSynchronize", 719);
    await expect(engine.downloadAsync(x.address, 4)).rejects.toThrow("CUDA_ERROR_LAUNCH_FAILED");
  });

  it("is out of memory only when nothing idle is left", () => {
    emulator?.configure("memoryBytes", 64 * 2 ** 20);
    engine.pool.give(engine.pool.take(40 * 2 ** 20));
    const block = engine.pool.take(32 * 2 ** 20, "weights");
    const failure = failureOf(() => engine.pool.take(40 * 2 ** 20)) as KvfoldError;
    expect(failure.code).toBe("cuda-out-of-memory");
    expect(failure.message).toContain("32.0 MiB in weights");
    engine.pool.give(block);
    expect(engine.pool.take(40 * 2 ** 20).bytes).toBe(40 * 2 ** 20);
  });

  it("refuses what is not of an engine without a crash", () => {
    const { addon } = openDriver(13_000, emulator?.path) as CudaDriver;
    const wrong = {} as Parameters<typeof addon.launch>[0];
    expect(() => addon.synchronize(wrong)).toThrow("argument 0 must be an engine");
    expect(() => addon.openDriver(7 as never)).toThrow("argument 0 must be a string");
    engine.dispose();
    expect(() => engine.synchronize()).toThrow("this engine was disposed of");
  });
});

function failureOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing failed");
}

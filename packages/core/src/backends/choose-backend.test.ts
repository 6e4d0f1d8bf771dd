import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { KvfoldError } from "../errors/kvfold-error.js";
import type { BackendRow } from "./backend-row.js";
import { backendTable } from "./backend-table.js";
import { chooseBackend } from "./choose-backend.js";
import { listBackends } from "./list-backends.js";
import { loadKernelsPackage } from "./load-kernels-package.js";

const ghost: BackendRow = { name: "ghost", load: () => loadKernelsPackage("ghost", "@kvfold/kernels-ghost") };
const portable = backendTable.filter(({ name }) => name === "wasm" || name === "cpu");

async function product(): Promise<number> {
  const y = tf.tidy(() => tf.sum(tf.matMul(tf.ones([2, 3]), tf.ones([3, 2]))));
  const [value] = await y.data();
  y.dispose();
  return value ?? Number.NaN;
}

describe("chooseBackend", () => {
  it("chooses the first backend that runs and says why the better ones do not", async () => {
    const choice = await chooseBackend({ table: [ghost, ...portable] });
    expect(choice).toMatchObject({
      name: "wasm",
      package: "@tensorflow/tfjs-backend-wasm",
      version: "4.22.0",
      detail: "SIMD, 1 thread",
      reasons: [{ name: "ghost", reason: "not installed (npm install @kvfold/kernels-ghost)" }],
    });
    expect(tf.getBackend()).toBe("wasm");
    expect(await product()).toBe(12);
  });

  it("gives by default a backend of the table that computes", async () => {
    const choice = await chooseBackend();
    expect(tf.getBackend()).toBe(choice.name);
    expect(choice.reasons.map(({ name }) => name)).toEqual(
      backendTable.slice(0, choice.reasons.length).map(({ name }) => name),
    );
    expect(await product()).toBe(12);
  });

  it("takes exactly the named backend, without trying better ones", async () => {
    const choice = await chooseBackend({ prefer: "cpu", table: [ghost, ...portable] });
    expect(choice.name).toBe("cpu");
    expect(choice.reasons.map(({ reason }) => reason)).toEqual([
      'not tried, because "cpu" was asked for',
      'not tried, because "cpu" was asked for',
    ]);
    expect(await product()).toBe(12);
  });

  it("fails when the named backend is absent, names what runs here, and changes nothing", async () => {
    await chooseBackend({ prefer: "cpu" });
    const failure = await chooseBackend({ prefer: "ghost", table: [ghost, ...portable] }).catch((error) => error);
    expect(KvfoldError.isInstance(failure)).toBe(true);
    expect(failure.code).toBe("backend-unavailable");
    expect(failure.message).toContain('"ghost" cannot run here: not installed');
    expect(failure.message).toContain("Available here: wasm (SIMD, 1 thread), cpu (");
    expect(tf.getBackend()).toBe("cpu");
  });

  it("takes a number of threads only where one can be set", async () => {
    const given: (number | undefined)[] = [];
    const threaded: BackendRow = {
      name: "cpu",
      settings: ["threads"],
      load: async ({ threads }) => {
        given.push(threads);
        return { package: "threaded-package", version: "1.0.0", detail: "", ...(threads ? { threads } : {}) };
      },
    };
    const wasm = portable.filter(({ name }) => name === "wasm");
    const choice = await chooseBackend({ threads: 3, table: [...wasm, threaded] });
    expect(choice).toMatchObject({ name: "cpu", threads: 3 });
    expect(choice.reasons).toEqual([{ name: "wasm", reason: "it cannot be set to 3 threads" }]);
    await chooseBackend({ table: [threaded] });
    expect(given).toEqual([3, undefined]);
    await expect(chooseBackend({ prefer: "wasm", threads: 2, table: [...wasm, threaded] })).rejects.toThrow(
      'The backend "wasm" cannot be set to 2 threads. Leave that out, or choose "cpu".',
    );
    await expect(chooseBackend({ threads: 2, table: [ghost, ...wasm] })).rejects.toThrow(
      "No backend can run here with 2 threads (ghost: it cannot be set to 2 threads; wasm:",
    );
    await expect(chooseBackend({ activations: "int8", matmulPrecision: "bf16", table: wasm })).rejects.toThrow(
      "wasm: it cannot be set to int8 activations and bf16 matrix products",
    );
    await expect(chooseBackend({ threads: 1.5 })).rejects.toThrow("threads must be a whole number from 1 up; got 1.5.");
  });

  it("takes a device only where one can be chosen", async () => {
    const given: unknown[] = [];
    const loaded = { package: "device-package", version: "1.0.0", detail: "" };
    const onDevice: BackendRow = {
      name: "cpu",
      settings: ["device", "matmulPrecision"],
      load: async ({ device }) => {
        given.push(device);
        return loaded;
      },
    };
    const wasm = portable.filter(({ name }) => name === "wasm");
    const choice = await chooseBackend({ device: "GPU-4ab", matmulPrecision: "bf16", table: [...wasm, onDevice] });
    expect(choice.reasons[0]?.reason).toBe("it cannot be set to bf16 matrix products and device GPU-4ab");
    await chooseBackend({ device: 1, prefer: "cpu", table: [...wasm, onDevice] });
    await chooseBackend({ table: [onDevice] });
    expect(given).toEqual(["GPU-4ab", 1, undefined]);
    await expect(chooseBackend({ prefer: "wasm", device: 1, table: [...wasm, onDevice] })).rejects.toThrow(
      'The backend "wasm" cannot be set to device 1. Leave that out, or choose "cpu".',
    );
    await expect(chooseBackend({ prefer: "native", device: 1 })).rejects.toThrow(
      'The backend "native" cannot be set to device 1. Leave that out, or choose "cuda".',
    );
    await expect(chooseBackend({ device: 1, threads: 2, table: [onDevice] })).rejects.toThrow(
      "No backend can run here with 2 threads and device 1 (cpu: it cannot be set to 2 threads).",
    );
    for (const device of [-1, 0.5, ""]) {
      await expect(chooseBackend({ device })).rejects.toThrow(
        "device must be a number from 0 up or the start of a UUID",
      );
    }
  });

  it("fails when TensorFlow.js refuses to initialise a backend that loaded", async () => {
    tf.registerBackend("refusing", () => Promise.reject(new Error("no device")), 0);
    const loaded = { package: "refusing-package", version: "1.0.0", detail: "" };
    const refusing: BackendRow = { name: "refusing", load: async () => loaded };
    const choice = await chooseBackend({ table: [refusing, ...portable] });
    expect(choice.name).toBe("wasm");
    expect(choice.reasons[0]?.reason).toContain("could not initialise it");
    tf.removeBackend("refusing");
  });

  it("rejects a name that is not in the table and lists the names", async () => {
    await expect(chooseBackend({ prefer: "webgl" })).rejects.toThrow(
      'no backend "webgl"; choose "auto" or one of: cuda, native, tensorflow, wasm, cpu',
    );
  });
});

describe("listBackends", () => {
  it("lists every backend in order and keeps the current one", async () => {
    await chooseBackend({ prefer: "cpu" });
    const statuses = await listBackends();
    expect(statuses.map(({ name }) => name)).toEqual(["cuda", "native", "tensorflow", "wasm", "cpu"]);
    expect(statuses.slice(-2)).toMatchObject([
      { name: "wasm", available: true, version: "4.22.0" },
      { name: "cpu", available: true, version: "4.22.0" },
    ]);
    for (const status of statuses) if (!status.available) expect(status.reason).not.toBe("");
    expect(tf.getBackend()).toBe("cpu");
  });
});

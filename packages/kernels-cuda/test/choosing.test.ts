import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { disposeCuda, loadCuda, probe } from "../src/index.js";
import { emulatedImages } from "./emulated-driver.js";
import { emulator } from "./use-emulator.js";

describe.skipIf(emulator === undefined)("choosing a device", () => {
  beforeEach(() => {
    emulator?.configure("devices", 3);
    loadCuda({ driver: emulator?.path ?? "", images: emulatedImages, device: 0, matmulPrecision: "float32" });
  });
  afterEach(async () => {
    await tf.setBackend("cpu");
    disposeCuda();
    emulator?.reset();
  });

  it("takes a number or the start of a UUID", () => {
    expect(loadCuda({ device: 2 })).toMatchObject({ device: { name: "Emulated GPU 2" }, driverVersion: "13.0" });
    expect(loadCuda({ device: "gpu-1011" })).toMatchObject({ device: { name: "Emulated GPU 1" } });
    expect(loadCuda()).toMatchObject({ device: { name: "Emulated GPU 1" } });
  });

  it.each([3, -1, 0.5, "GPU-", "GPU-77", "Emulated"])("lists the devices when %j is none", (device) => {
    expect(() => loadCuda({ device })).toThrow(
      `There is no device ${JSON.stringify(device)}. The driver sees 0: Emulated GPU 0, compute capability 9.0, 1 GiB, GPU-0001`,
    );
  });

  it("is the best backend where there is a device, and tells what it runs on", async () => {
    expect(probe()).toEqual({
      available: true,
      detail:
        "Emulated GPU 0, compute capability 9.0, 1 GiB, driver for CUDA 13.0, matrix products: own (no cuBLASLt: it is not wanted)",
    });
    await expect(chooseBackend({ prefer: "cuda", device: 7 })).rejects.toThrow(
      'The backend "cuda" cannot run here: There is no device 7. The driver sees 0: Emulated GPU 0',
    );
    const choice = await chooseBackend({ device: "GPU-2021", matmulPrecision: "bf16" });
    expect(choice).toMatchObject({ name: "cuda", package: "@kvfold/kernels-cuda", reasons: [] });
    expect(choice.detail).toContain("Emulated GPU 2");
    expect(await chooseBackend({ prefer: "cuda", device: "GPU-2021" })).toMatchObject({ name: "cuda" });
    expect(() => loadCuda({ device: 1 })).toThrow("The backend is in use on Emulated GPU 2");
    tf.removeBackend("cuda");
    expect(emulator?.report()).toMatchObject({
      contexts: 0,
      allocations: 0,
      streams: 0,
      pinned: 0,
      events: 0,
      problems: [],
    });
  });
});

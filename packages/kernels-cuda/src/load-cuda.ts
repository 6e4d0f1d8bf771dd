import { KvfoldError, type MatmulPrecision } from "@kvfold/core";
import type { DeviceDescription } from "./driver/cuda-addon.js";
import { type FoundBlas, findBlas } from "./driver/find-blas.js";
import { type CudaDriver, deviceText, isSupported, openDriver } from "./driver/open-driver.js";
import { CudaEngine } from "./engine/cuda-engine.js";
import { committedImages, type KernelImages } from "./engine/kernel-images.js";

/** Settings of the backend. They hold for the whole process, from the first use of the device on. */
export interface CudaOptions {
  /**
   * Device by its number, or by the start of its UUID (`"GPU-4ab6..."`, see `nvidia-smi -L`). Default 0. The driver counts
   * the devices that `CUDA_VISIBLE_DEVICES` leaves.
   */
  readonly device?: number | string;
  /** Most bytes of device memory to take; what is beyond is an out-of-memory error. Default what the device has. */
  readonly memoryLimit?: number;
  /**
   * Precision of matrix products with more than a few rows. Default `"float32"`, to rounding. `"bf16"` rounds the operands to
   * bfloat16, to 1/512 of their size, and sums in float32: what PyTorch's autocast gives, on tensor cores.
   */
  readonly matmulPrecision?: MatmulPrecision;
  /** Path of the driver library. Default `libcuda.so.1`. For tests. */
  readonly driver?: string;
  /** Path of cuBLASLt; `""`: the package's own products. Default `libcublasLt.so.13` or `.12`, where one is found. */
  readonly blas?: string;
  /** Compiled kernels. Default those of the package. For tests. */
  readonly images?: KernelImages;
}

/** The device as loaded, or why there is none. */
export type LoadedCuda =
  | {
      readonly available: true;
      readonly device: DeviceDescription;
      /** Devices that the driver sees, supported or not. */
      readonly devices: readonly DeviceDescription[];
      /** CUDA version that the driver speaks. */
      readonly driverVersion: string;
      /** What makes large matrix products: `cuBLASLt 13.1`, or `own`, with the reason. */
      readonly products: string;
    }
  | {
      readonly available: false;
      /** End of a sentence that says why, with the remedy. */
      readonly reason: string;
    };

const defaults: CudaOptions = { device: 0, matmulPrecision: "float32" };
let options = defaults;
let found:
  | { readonly driver: CudaDriver; readonly ordinal: number; readonly images: KernelImages; readonly blas: FoundBlas }
  | undefined;
let engine: CudaEngine | undefined;

/**
 * Looks for the driver and a device, and applies the settings that are given. The device itself is taken into use when the
 * backend is first chosen.
 *
 * @throws KvfoldError `cuda-device-choice` when there is no such device; the message lists the devices
 * @throws KvfoldError `cuda-settings` when the settings come after the device is in use
 */
export function loadCuda(settings: CudaOptions = {}): LoadedCuda {
  const changed = Object.entries(settings).some(([name, value]) => value !== options[name as keyof CudaOptions]);
  const used = engine !== undefined && !engine.disposed ? engine : undefined;
  if (Object.keys(settings).length > 0 && (changed || used === undefined)) {
    if (used !== undefined) {
      const { name } = used.device;
      throw new KvfoldError(
        "cuda-settings",
        `The backend is in use on ${name}: choose device and memory before it, or call disposeCuda() first.`,
      );
    }
    options = { ...options, ...settings };
    found = undefined;
  }
  if (found === undefined) {
    const images = options.images ?? committedImages();
    if (images === undefined) return { available: false, reason: "the package has no compiled kernels; reinstall it" };
    const driver = openDriver(images.minimumDriver, options.driver);
    if ("reason" in driver) return { available: false, reason: driver.reason };
    const ordinal = chooseDevice(driver.devices, options.device ?? 0);
    const device = driver.devices[ordinal] as DeviceDescription;
    if (!isSupported(device)) {
      return {
        available: false,
        reason: `${deviceText(device)} is too old: the kernels need compute capability 8.0 or higher`,
      };
    }
    found = { driver, ordinal, images, blas: findBlas(driver.addon, options.blas) };
  }
  const { driver, ordinal, blas } = found;
  const device = driver.devices[ordinal] as DeviceDescription;
  const products = "path" in blas ? `cuBLASLt ${blas.version}` : `own (no cuBLASLt: ${blas.reason})`;
  return { available: true, device, devices: driver.devices, driverVersion: driver.version, products };
}

/** The engine of this process; the first call takes the device into use. */
export function cudaEngine(): CudaEngine {
  if (engine !== undefined && !engine.disposed) return engine;
  const loaded = loadCuda();
  if (!loaded.available || found === undefined) {
    throw new KvfoldError("cuda-unavailable", `CUDA cannot be used here: ${loaded.available ? "" : loaded.reason}.`);
  }
  const { memoryLimit, matmulPrecision } = options;
  const blas = "path" in found.blas ? found.blas.path : undefined;
  engine = new CudaEngine({ ...found, memoryLimit, matmulPrecision, blas });
  return engine;
}

/**
 * Gives the device back: its memory, kernels and stream. Tensors of the backend are gone; remove the backend from
 * TensorFlow.js first (`tf.removeBackend("cuda")`). Without a device in use it does nothing.
 */
export function disposeCuda(): void {
  engine?.dispose();
  engine = undefined;
}

function chooseDevice(devices: readonly DeviceDescription[], wanted: number | string): number {
  const place =
    typeof wanted === "number"
      ? devices[wanted] === undefined
        ? -1
        : wanted
      : devices.findIndex(({ uuid }) => wanted.length > 4 && uuid.toLowerCase().startsWith(wanted.toLowerCase()));
  if (place >= 0) return place;
  const list = devices.map((device, i) => `${i}: ${deviceText(device)}, ${device.uuid}`).join("; ");
  throw new KvfoldError("cuda-device-choice", `There is no device ${JSON.stringify(wanted)}. The driver sees ${list}.`);
}

import type { CudaAddon, DeviceDescription } from "./cuda-addon.js";
import { describeFailure, isDriverCallError } from "./explain-failure.js";
import { loadAddon } from "./load-addon.js";
import { mayHaveLibrary } from "./may-have-library.js";

/** The library that NVIDIA's driver installs. */
const systemDriver = "libcuda.so.1";

/** Oldest compute capability that there are kernels for. */
const oldestCapability = 8;

/** A driver that works, with its devices. */
export interface CudaDriver {
  readonly addon: CudaAddon;
  readonly path: string;
  /** CUDA version that it speaks, as `13.0`. */
  readonly version: string;
  readonly devices: readonly DeviceDescription[];
}

/** Why there is none, as the end of a sentence that names the remedy. */
export interface NoDriver {
  readonly reason: string;
}

/** `13000` as `13.0`. */
function versionText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

/**
 * Opens the driver and lists its devices. Never throws and never crashes.
 *
 * @param minimumVersion oldest CUDA version whose drivers can load the kernels, as the driver counts (13000 for 13.0)
 * @param path of the driver library; default the system's
 */
export function openDriver(minimumVersion: number, path = systemDriver): CudaDriver | NoDriver {
  if (process.platform !== "linux") return { reason: "CUDA kernels exist for Linux only" };
  if (path === systemDriver && !mayHaveLibrary(path)) {
    return { reason: `there is no NVIDIA driver (the system has no ${path}); install one` };
  }
  const addon = loadAddon(path);
  if ("reason" in addon) return addon;
  const opened = addon.openDriver(path);
  const { version = 0, devices = 0, problem, detail, error } = opened;
  if (problem === "library") return { reason: `there is no NVIDIA driver (${detail}); install one` };
  if (problem === "symbol")
    return { reason: `the NVIDIA driver is too old: ${path} has no ${detail}; install a newer one` };
  if (version > 0 && version < minimumVersion) {
    const [found, wanted] = [versionText(version), versionText(minimumVersion)];
    return {
      reason: `the NVIDIA driver is too old: it speaks CUDA ${found} and the kernels need ${wanted}; install a newer one`,
    };
  }
  if (error !== undefined) return { reason: describeFailure(error) };
  if (devices === 0) return { reason: "the NVIDIA driver sees no device; check nvidia-smi and CUDA_VISIBLE_DEVICES" };
  try {
    const found = Array.from({ length: devices }, (_, i) => addon.describeDevice(path, i));
    return { addon, path, version: versionText(version), devices: found };
  } catch (failure) {
    if (!isDriverCallError(failure)) throw failure;
    return { reason: describeFailure(failure) };
  }
}

/** Whether there are kernels for a device. */
export function isSupported({ major }: Pick<DeviceDescription, "major">): boolean {
  return major >= oldestCapability;
}

/** One line about a device. */
export function deviceText({ name, major, minor, memoryBytes }: DeviceDescription): string {
  return `${name}, compute capability ${major}.${minor}, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB`;
}

import type { KernelsPackage } from "@kvfold/core";
import { deviceText } from "./driver/open-driver.js";
import { loadCuda } from "./load-cuda.js";

/** Looks for driver and device, after a trial in a child process, and says what it found; never throws. */
export const probe: KernelsPackage["probe"] = () => {
  try {
    const loaded = loadCuda();
    if (!loaded.available) return loaded;
    return { available: true, detail: `${deviceText(loaded.device)}, driver for CUDA ${loaded.driverVersion}` };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
};

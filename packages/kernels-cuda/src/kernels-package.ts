import type { KernelsPackage } from "@kvfold/core";
import { deviceText } from "./driver/open-driver.js";
import { loadCuda } from "./load-cuda.js";

/** Looks for driver and device, after a trial in a child process, applies the settings, and says what it found; never throws. */
export const probe: KernelsPackage["probe"] = ({ device, matmulPrecision } = {}) => {
  try {
    const loaded = loadCuda({
      ...(device === undefined ? {} : { device }),
      ...(matmulPrecision === undefined ? {} : { matmulPrecision }),
    });
    if (!loaded.available) return loaded;
    const { device: used, driverVersion, products } = loaded;
    const detail = `${deviceText(used)}, driver for CUDA ${driverVersion}, matrix products: ${products}`;
    return { available: true, detail };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
};

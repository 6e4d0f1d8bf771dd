// Loaded for its effect: the backend `cuda` on the emulated driver, whose products count with bf16.
import "../src/index.js";
import { loadCuda } from "../src/load-cuda.js";
import { emulatedImages, loadEmulator } from "./emulated-driver.js";

/** The emulated driver; undefined where it cannot be built. */
export const emulator = loadEmulator();

if (emulator !== undefined) loadCuda({ driver: emulator.path, images: emulatedImages, matmulPrecision: "bf16" });

import * as tf from "@tensorflow/tfjs-core";
import type { LoadedBackend } from "./backend-row.js";
import { replaceWasmSlice } from "./wasm-slice.js";

/**
 * Loads the WebAssembly backend. In Node its package finds the three `.wasm` files beside itself, from ES modules and
 * from CommonJS; in a browser the page calls `setWasmPaths` first. Node gets one thread: TensorFlow.js offers none there.
 */
export async function loadWasm(): Promise<LoadedBackend> {
  const { version_wasm } = await import("@tensorflow/tfjs-backend-wasm");
  replaceWasmSlice();
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const threads = await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT");
  return {
    package: "@tensorflow/tfjs-backend-wasm",
    version: version_wasm,
    detail: `${simd === true ? "SIMD" : "no SIMD"}, ${threads === true ? "threads" : "1 thread"}`,
    ...(threads === true ? {} : { threads: 1 }),
  };
}

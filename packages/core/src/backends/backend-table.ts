import type { BackendRow } from "./backend-row.js";
import { loadCpu } from "./load-cpu.js";
import { loadKernelsPackage } from "./load-kernels-package.js";
import { loadTensorflow } from "./load-tensorflow.js";
import { loadWasm } from "./load-wasm.js";

/** Every backend that kvfold knows, best first. A new one plugs in by one row. */
export const backendTable: readonly BackendRow[] = [
  {
    name: "cuda",
    settings: ["device", "matmulPrecision"],
    load: (settings) => loadKernelsPackage("cuda", "@kvfold/kernels-cuda", settings),
  },
  {
    name: "native",
    settings: ["threads", "activations", "matmulPrecision"],
    load: (settings) => loadKernelsPackage("native", "@kvfold/kernels-cpu", settings),
  },
  { name: "tensorflow", load: loadTensorflow },
  { name: "wasm", load: loadWasm },
  { name: "cpu", load: loadCpu },
];

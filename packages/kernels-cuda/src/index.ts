import { registerPackedSupport } from "@kvfold/core";
import { weightFormats } from "./matrix/device-weight.js";
import { registerCuda } from "./register-cuda.js";
import { registerDrawer } from "./sampling/register-drawer.js";
import { registerCudaStore, registerStepRecorder } from "./store/register-store.js";

export { cudaFallbacks } from "./backend/fallbacks.js";
export type { DeviceDescription } from "./driver/cuda-addon.js";
export type { KernelImages } from "./engine/kernel-images.js";
export { probe } from "./kernels-package.js";
export { type CudaOptions, disposeCuda, type LoadedCuda, loadCuda } from "./load-cuda.js";
export { version } from "./version.js";

registerCuda();
registerCudaStore();
registerStepRecorder();
registerDrawer();
registerPackedSupport("cuda", { storages: weightFormats });

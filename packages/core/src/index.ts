export type { BackendRow, LoadedBackend, MissingBackend } from "./backends/backend-row.js";
export { backendTable } from "./backends/backend-table.js";
export { type BackendChoice, type ChooseBackendOptions, chooseBackend } from "./backends/choose-backend.js";
export { type BackendStatus, listBackends } from "./backends/list-backends.js";
export type { KernelsPackage } from "./backends/load-kernels-package.js";
export { KvfoldError } from "./errors/kvfold-error.js";
export {
  defineKernel,
  type Kernel,
  type KernelDefinition,
  type KernelInputs,
  type KernelOutput,
} from "./kernels/define-kernel.js";

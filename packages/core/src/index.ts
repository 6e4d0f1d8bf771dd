export { KvfoldError } from "./errors/kvfold-error.js";
export {
  defineKernel,
  type Kernel,
  type KernelDefinition,
  type KernelInputs,
  type KernelOutput,
} from "./kernels/define-kernel.js";

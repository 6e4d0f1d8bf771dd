export { kernelSuites } from "./kernels/all-cases.js";
export { backendOrNone } from "./testing/backend-or-none.js";
export { compareKernel } from "./testing/compare-kernel.js";
export { type DescribeKernelsOptions, describeKernels } from "./testing/describe-kernels.js";
export { expectClose } from "./testing/expect-close.js";
export { type KernelCase, type KernelSuite, kernelSuite, type RunnableCase } from "./testing/kernel-suite.js";
export { type Seeded, seeded } from "./testing/seeded.js";
export { goldensPath, repositoryRoot, sharedPath, skipReason } from "./testing/shared-files.js";

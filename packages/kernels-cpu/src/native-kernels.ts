import { batchMatMul } from "./kernels/batch-mat-mul.js";
import type { NativeKernel } from "./native-kernel.js";

/** Every native kernel; the JavaScript CPU kernels fill in for the rest. One line for each. */
export const nativeKernels: readonly NativeKernel[] = [batchMatMul];

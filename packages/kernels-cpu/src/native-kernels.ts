import { batchMatMul } from "./kernels/batch-mat-mul.js";
import { denseLinear } from "./kernels/dense-linear.js";
import { packedLinear } from "./kernels/packed-linear.js";
import type { NativeKernel } from "./native-kernel.js";

/** Every native kernel; the JavaScript CPU kernels fill in for the rest. One line for each. */
export const nativeKernels: readonly NativeKernel[] = [batchMatMul, denseLinear, packedLinear];

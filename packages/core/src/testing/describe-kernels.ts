import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { kernelSuites } from "../kernels/all-cases.js";
import { compareKernel } from "./compare-kernel.js";
import type { KernelSuite } from "./kernel-suite.js";

/** Options of {@link describeKernels}. */
export interface DescribeKernelsOptions {
  /** Which kernels; default: all of the contract. */
  readonly kernels?: readonly KernelSuite[];
}

/**
 * Conformance suite of the fused-kernel contract, for vitest: on the named backend every kernel must equal its reference
 * form on `cpu` within 1e-5, gradients too, and leave no tensor behind. Register `cpu` and the backend first; a backend
 * that is not registered is skipped with a printed reason.
 */
export function describeKernels(backend: string, options: DescribeKernelsOptions = {}): void {
  const kernels = options.kernels ?? kernelSuites;
  const registered = tf.findBackendFactory(backend) !== null;
  if (!registered) console.warn(`Kernel conformance of '${backend}' is skipped: no such backend is registered.`);
  describe.skipIf(!registered)(`kernels on ${backend}`, () => {
    for (const suite of kernels) {
      describe(suite.kernelName, () => {
        for (const example of suite.cases) {
          it(example.title, async () => {
            expect(await compareKernel(suite, example, backend)).toEqual([]);
          });
        }
      });
    }
  });
}

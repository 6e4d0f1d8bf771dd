import type { KernelsPackage } from "@kvfold/core";
import { loadKernels } from "./load-kernels.js";

/** Loads the addon, after a trial in a child process, applies the settings, and says what it runs on; never throws. */
export const probe: KernelsPackage["probe"] = ({ threads: wanted, activations, matmulPrecision } = {}) => {
  try {
    const kernels = loadKernels({
      ...(wanted === undefined ? {} : { threads: wanted }),
      ...(activations === undefined ? {} : { activations }),
      ...(matmulPrecision === undefined ? {} : { matmulPrecision }),
    });
    if (!kernels.available) return kernels;
    const { instructionSet, threads } = kernels;
    return {
      available: true,
      threads,
      detail: `${instructionSet}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
};

import { type ActivationPrecision, KvfoldError, type MatmulPrecision } from "@kvfold/core";
import { addonPath } from "./addon-path.js";
import { type InstructionSet, instructionSets, type NativeAddon } from "./native-addon.js";
import { probeAddon } from "./probe-addon.js";

/** Settings of the native kernels. They hold for the whole process, worker threads included. */
export interface LoadKernelsOptions {
  /** Threads that compute, the calling one included. Default: the physical cores that this process may run on. */
  readonly threads?: number;
  /** Instruction set to use; default the best one that the machine runs. Forcing a lower one is for tests and comparisons. */
  readonly instructionSet?: InstructionSet;
  /**
   * Precision of the activations in products with packed weights. Default `"float32"`, to rounding. `"int16"` rounds them
   * to 1/65,000 of the largest value among 32 neighbours, `"int8"` to 1/254, as llama.cpp does (the products then differ
   * from float32's by about 1e-5 and 4e-3 of their typical size); both are faster where memory is not the limit.
   */
  readonly activations?: ActivationPrecision;
  /**
   * Precision of products of two float32 matrices with more than a few rows. Default `"float32"`: errors as of products and
   * sums in float32 (numbers below 1e-31 may lose their last bits). `"bf16"` rounds the operands to bfloat16, to 1/512 of
   * their size, and sums in float32, as PyTorch's CPU autocast does; on processors with matrix tiles (AMX) it is the fastest.
   */
  readonly matmulPrecision?: MatmulPrecision;
}

/** Digits of base 255 that carry each precision; see `native/kernels/coded-x.h`. */
const activationDigits: Readonly<Record<ActivationPrecision, number>> = { float32: 3, int16: 2, int8: 1 };

/** Places in `MatmulPrecision` of `native/matrix/gemm-f32.h`. */
const matmulPrecisions: readonly MatmulPrecision[] = ["float32", "bf16"];

/** The native kernels as loaded, or why they cannot be. */
export type LoadedKernels =
  | {
      readonly available: true;
      /** @internal */
      readonly addon: NativeAddon;
      readonly instructionSet: InstructionSet;
      /** Instruction sets that this machine runs. */
      readonly supported: readonly InstructionSet[];
      readonly threads: number;
    }
  | {
      readonly available: false;
      /** End of a sentence that says why, with the remedy. */
      readonly reason: string;
    };

let loaded: NativeAddon | { reason: string } | undefined;

/**
 * Loads the addon once, in this thread, and applies the settings that are given. The first call in a process starts the
 * thread pool with its default size.
 *
 * @throws KvfoldError `kernels-threads` when `threads` is not a whole number from 1 to 256
 * @throws KvfoldError `kernels-instruction-set` when the machine does not run the set that was asked for
 * @throws KvfoldError `kernels-activations` or `kernels-matmul-precision` when there is no such precision
 */
export function loadKernels(options: LoadKernelsOptions = {}): LoadedKernels {
  loaded ??= loadAddon();
  if ("reason" in loaded) return { available: false, reason: loaded.reason };
  applySettings(loaded, options);
  const { instructionSet, supported, threads } = loaded.describe();
  return { available: true, addon: loaded, instructionSet, supported, threads };
}

function loadAddon(): NativeAddon | { reason: string } {
  const path = addonPath();
  if (path === undefined) {
    return {
      reason: `no addon for ${process.platform}-${process.arch}: build it with a C++ compiler (npm run build:native)`,
    };
  }
  const failure = probeAddon(path);
  if (failure !== undefined) return { reason: failure };
  const module = { exports: {} as NativeAddon };
  process.dlopen(module, path);
  const addon = module.exports;
  const { threads, cores } = addon.describe();
  if (threads === 1) addon.setThreads(cores); // else another worker thread of this process has set it
  return addon;
}

function applySettings(
  addon: NativeAddon,
  { threads, instructionSet, activations, matmulPrecision }: LoadKernelsOptions,
): void {
  if (threads !== undefined) {
    if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
      const { cores } = addon.describe();
      throw new KvfoldError(
        "kernels-threads",
        `threads must be a whole number from 1 to 256, got ${threads}; this process may run on ${cores} cores.`,
      );
    }
    addon.setThreads(threads);
  }
  if (
    instructionSet !== undefined &&
    !(instructionSets.includes(instructionSet) && addon.setInstructionSet(instructionSet))
  ) {
    const { supported } = addon.describe();
    throw new KvfoldError(
      "kernels-instruction-set",
      `This machine does not run the instruction set "${instructionSet}"; it runs: ${supported.join(", ")}.`,
    );
  }
  if (activations !== undefined) {
    const digits = activationDigits[activations];
    if (digits === undefined) {
      throw new KvfoldError(
        "kernels-activations",
        `There is no activation precision "${activations}"; choose one of: ${Object.keys(activationDigits).join(", ")}.`,
      );
    }
    addon.setActivationDigits(digits);
  }
  if (matmulPrecision !== undefined) {
    const precision = matmulPrecisions.indexOf(matmulPrecision);
    if (precision < 0) {
      throw new KvfoldError(
        "kernels-matmul-precision",
        `There is no precision "${matmulPrecision}" of matrix products; choose one of: ${matmulPrecisions.join(", ")}.`,
      );
    }
    addon.setMatmulPrecision(precision);
  }
}

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { KernelImages } from "../src/engine/kernel-images.js";
import { packageFile } from "../src/package-file.js";

/** What lives in the emulated driver, and what was wrong. */
export interface EmulatorReport {
  readonly contexts: number;
  readonly allocations: number;
  readonly usedBytes: number;
  readonly pinned: number;
  readonly streams: number;
  readonly events: number;
  readonly modules: number;
  readonly graphs: number;
  /** Handles, layouts and the like of cuBLASLt, and products that it made. */
  readonly blasObjects: number;
  readonly products: number;
  readonly launches: number;
  readonly calls: number;
  /** Misuse of the driver, memory written out of bounds, kernels that hang. */
  readonly problems: readonly string[];
}

/** The emulated driver as tests steer it. */
export interface Emulator {
  /** Path of the library, for `loadCuda({ driver, blas })`. */
  readonly path: string;
  configure(setting: "version" | "devices" | "memoryBytes" | "initResult", value: number): void;
  /** The call of a driver function after `skip` others answers `result`, once. */
  inject(symbol: string, result: number, skip?: number): void;
  report(): EmulatorReport;
  /** Everything as at the start. No engine may live. */
  reset(): void;
}

interface Control {
  configure(setting: string, value: number): void;
  inject(symbol: string, result: number, skip: number): void;
  report(): string;
  reset(): void;
}

let emulator: Emulator | undefined;

/**
 * Test helper: builds the emulated driver where it is out of date, and loads it.
 *
 * @returns undefined, with a printed reason, where there is no C++ compiler
 */
export function loadEmulator(): Emulator | undefined {
  if (emulator !== undefined) return emulator;
  const path = packageFile("build/emulated-driver.node");
  const { status, stderr } = spawnSync(process.execPath, [packageFile("scripts/build-emulator.mjs")], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the emulated driver does not compile:\n${stderr}`);
  if (!existsSync(path)) {
    console.warn("No C++ compiler: tests on the emulated CUDA driver are skipped.");
    return undefined;
  }
  const module = { exports: {} as Control };
  process.dlopen(module, path);
  const { configure, inject, report, reset } = module.exports;
  emulator = {
    path,
    configure,
    inject: (symbol, result, skip = 0) => inject(symbol, result, skip),
    report: () => JSON.parse(report()) as EmulatorReport,
    reset,
  };
  return emulator;
}

/** Test helper: an image that the emulated driver takes. It has every kernel that was compiled into the emulator. */
export const emulatedImages: KernelImages = {
  minimumDriver: 13_000,
  imageOf: () => "emulated",
  load: () => Uint8Array.of(0x50, 0xed, 0x55, 0xba),
};

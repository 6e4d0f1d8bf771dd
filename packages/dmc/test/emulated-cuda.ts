import { backendOrNone, everyLaw } from "@kvfold/core/testing";

/** Test setup of the cuda backend, which this package must not depend on: tests use it where it lies beside this package. */
const useEmulator = new URL("../../kernels-cuda/test/use-emulator.ts", import.meta.url).href;

/** The backend `cuda` on the emulated driver, as a list of backends for laws; empty, with a printed reason, where it cannot be. */
export const emulatedCuda: readonly string[] = await backendOrNone("cuda", async () => {
  const { emulator } = (await import(/* @vite-ignore */ useEmulator)) as { emulator?: object };
  return emulator === undefined ? "its emulated driver needs a C++ compiler" : undefined;
});

/** {@link emulatedCuda} where every law is tried, else empty. */
export const slowCuda: readonly string[] = everyLaw(import.meta) ? emulatedCuda : [];

import { backendOrNone } from "@kvfold/core/testing";

/** Test setup of the cuda backend, which this package must not depend on: tests use it where it lies beside this package. */
const useEmulator = new URL("../../kernels-cuda/test/use-emulator.ts", import.meta.url).href;

/** The backend `cuda` on the emulated driver, as a list of backends for laws; empty, with a printed reason, where it cannot be. */
export const emulatedCuda: readonly string[] = await backendOrNone("cuda", async () => {
  const { emulator } = (await import(/* @vite-ignore */ useEmulator)) as { emulator?: object };
  return emulator === undefined ? "its emulated driver needs a C++ compiler" : undefined;
});

/** True in `npm run test:laws`; else laws are sampled on slow backends. */
export const everyLaw = (import.meta as { env?: { MODE?: string } }).env?.MODE === "laws";

/** {@link emulatedCuda} where every law is tried, else empty. */
export const slowCuda: readonly string[] = everyLaw ? emulatedCuda : [];

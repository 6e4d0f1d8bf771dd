import { chooseBackend } from "@kvfold/core";
import { backendOrNone } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";

/** Test setup of the cuda backend, which this package must not depend on: tests use it where it lies beside this package. */
const useEmulator = new URL("../../kernels-cuda/test/use-emulator.ts", import.meta.url).href;

/** The backend `cuda` on the emulated driver, as a list; empty, with a printed reason, where it cannot be. */
export const emulatedCuda: readonly string[] = await backendOrNone("cuda", async () => {
  const { emulator } = (await import(/* @vite-ignore */ useEmulator)) as { emulator?: object };
  return emulator === undefined ? "its emulated driver needs a C++ compiler" : undefined;
});

/** Makes a backend the current one, whether TensorFlow.js knows it already or kvfold has to load it. */
export async function useBackend(name: string): Promise<void> {
  if (tf.findBackendFactory(name) !== null) await tf.setBackend(name);
  else await chooseBackend({ prefer: name });
}

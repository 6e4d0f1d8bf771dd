import { backendOrNone } from "@kvfold/core/testing";

/** Sources of the native backend, which this package must not depend on: tests use it where it lies beside this package. */
const nativeBackend = new URL("../../kernels-cpu/src/index.ts", import.meta.url).href;

/** Backends that the tests run on: `native` too, where it loads; says so where it does not. */
export const backends: readonly string[] = [
  "cpu",
  "wasm",
  ...(await backendOrNone("native", async () => {
    const { probe } = (await import(/* @vite-ignore */ nativeBackend)) as {
      probe(): { available: boolean; reason?: string };
    };
    return probe().reason;
  })),
];

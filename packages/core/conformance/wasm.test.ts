import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runTfjsSuite } from "./run-tfjs-suite.js";
import { wasmIgnore } from "./wasm-ignore.js";

const require = createRequire(import.meta.url);

it("TensorFlow.js's own suite passes on the wasm backend but for its listed gaps", { timeout: 300_000 }, async () => {
  const ownKernels = fileURLToPath(new URL("wasm-setup.ts", import.meta.url));
  const setupModules = [require.resolve("@tensorflow/tfjs-backend-wasm"), ownKernels];
  const { specs, failed, stale } = await runTfjsSuite({ backend: "wasm", setupModules, ignore: wasmIgnore });
  expect(failed).toEqual([]);
  expect(stale).toEqual([]);
  expect(specs).toBe(4230);
});

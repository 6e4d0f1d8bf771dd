import { fileURLToPath } from "node:url";
import { runTfjsSuite } from "@kvfold/core/conformance";
import { build } from "esbuild";
import { expect, it } from "vitest";

it("TensorFlow.js's own suite passes on the native backend", { timeout: 300_000 }, async () => {
  // Beside the addon, which the sources look for from where they are.
  const setup = fileURLToPath(new URL("../build/suite-setup.mjs", import.meta.url));
  await build({
    entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
    outfile: setup,
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@kvfold/source"],
    // All of TensorFlow.js but its gradients, which Node cannot import from where they lie.
    plugins: [
      {
        name: "tensorflow",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^@tensorflow\/[\w-]+$/ }, ({ path }) => ({ path, external: true })),
      },
    ],
    logLevel: "error",
  });
  const { specs, failed } = await runTfjsSuite({ backend: "native", setupModules: [setup] });
  expect(failed).toEqual([]);
  expect(specs).toBe(4230);
});

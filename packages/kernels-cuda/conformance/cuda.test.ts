import { runTfjsSuite } from "@kvfold/core/conformance";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { packageFile } from "../src/package-file.js";
import { loadEmulator } from "../test/emulated-driver.js";

const emulator = loadEmulator();

it.skipIf(emulator === undefined)(
  "TensorFlow.js's own suite passes on the cuda backend, on the emulated driver",
  { timeout: 600_000 },
  async () => {
    // Beside the addon, which the sources look for from where they are.
    const setup = packageFile("build/suite-setup.mjs");
    await build({
      entryPoints: [packageFile("test/use-emulator.ts")],
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
    const ignore = [
      {
        spec: /^tan .*numbers exceed float32 precision/,
        error: /Arrays differ: actual\[2\] = 30144\.17/,
        reason: "a tangent near its pole, where the result is the float32 beside the expected one",
      },
    ];
    const suite = { backend: "cuda", setupModules: [setup], ignore, timeoutMs: 600_000 };
    const { specs, failed, stale } = await runTfjsSuite(suite);
    expect({ failed, stale }).toEqual({ failed: [], stale: [] });
    expect(specs).toBe(4230);
  },
);

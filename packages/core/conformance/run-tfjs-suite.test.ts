import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runTfjsSuite } from "./run-tfjs-suite.js";

const require = createRequire(import.meta.url);

describe("runTfjsSuite", { timeout: 300_000 }, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvfold-broken-backend-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The cpu backend under another name, with its cosh replaced. */
  function backendWithCosh(name: string, kernelFunction: string): string {
    const path = join(folder, `${name}.cjs`);
    const core = JSON.stringify(require.resolve("@tensorflow/tfjs-core"));
    const cpu = JSON.stringify(require.resolve("@tensorflow/tfjs-backend-cpu"));
    writeFileSync(
      path,
      `const tf = require(${core});
       const { MathBackendCPU } = require(${cpu});
       tf.registerBackend("${name}", () => new MathBackendCPU());
       tf.copyRegisteredKernels("cpu", "${name}");
       tf.unregisterKernel("Cosh", "${name}");
       tf.registerKernel({ kernelName: "Cosh", backendName: "${name}", kernelFunc: ${kernelFunction} });`,
    );
    return path;
  }

  it("finds a kernel that computes something else", async () => {
    const setupModules = [backendWithCosh("wrong", '(call) => tf.getKernel("Sinh", "cpu").kernelFunc(call)')];
    const { failed } = await runTfjsSuite({ backend: "wrong", setupModules });
    expect(failed.map(({ name }) => name)).toContain("cosh wrong {} basic");
    expect(failed.every(({ name }) => /cosh|sinh/.test(name))).toBe(true);
  });

  it("names the spec in which a backend crashes", async () => {
    const setupModules = [backendWithCosh("crashing", "() => process.abort()")];
    await expect(runTfjsSuite({ backend: "crashing", setupModules })).rejects.toThrow(/while running "cosh crashing/);
  });
});

import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { runTfjsSuite } from "./run-tfjs-suite.js";

const require = createRequire(import.meta.url);

it("TensorFlow.js's own suite passes on the cpu backend", { timeout: 300_000 }, async () => {
  const setupModules = [require.resolve("@tensorflow/tfjs-backend-cpu")];
  const { specs, failed } = await runTfjsSuite({ backend: "cpu", setupModules });
  expect(failed).toEqual([]);
  expect(specs).toBe(4232);
});

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rmsNormCases } from "../kernels/rms-norm.cases.js";
import { type RmsNormAttrs, type RmsNormInputs, rmsNorm } from "../kernels/rms-norm.js";
import { compareKernel } from "./compare-kernel.js";
import type { RunnableCase } from "./kernel-suite.js";

type FastForm = (inputs: RmsNormInputs, attrs: RmsNormAttrs) => tf.Tensor;

/** Makes a backend that is `cpu` but for its own form of RMSNorm. */
function backendWith(name: string, fastForm: FastForm): void {
  const CpuBackend = tf.backend().constructor as new () => tf.KernelBackend;
  tf.registerBackend(name, () => new CpuBackend());
  tf.copyRegisteredKernels("cpu", name);
  tf.registerKernel({
    kernelName: rmsNorm.kernelName,
    backendName: name,
    kernelFunc: ({ inputs, attrs }) =>
      fastForm(inputs as unknown as RmsNormInputs, attrs as unknown as RmsNormAttrs) as tf.TensorInfo,
  });
}

const example = rmsNormCases.cases[1] as RunnableCase;

beforeAll(async () => {
  await tf.setBackend("cpu");
  backendWith("rightnorm", rmsNorm.reference);
  backendWith("wrongnorm", (inputs, attrs) => tf.tidy(() => tf.mul(rmsNorm.reference(inputs, attrs), 1.0001)));
  backendWith("nannorm", (inputs, attrs) => tf.tidy(() => tf.div(rmsNorm.reference(inputs, attrs), 0)));
  backendWith("shapenorm", (inputs, attrs) => tf.tidy(() => tf.reshape(rmsNorm.reference(inputs, attrs), [-1])));
  backendWith("leakynorm", (inputs, attrs) => {
    tf.keep(tf.scalar(1));
    return rmsNorm.reference(inputs, attrs);
  });
});

afterAll(() => {
  for (const name of ["rightnorm", "wrongnorm", "nannorm", "shapenorm", "leakynorm"]) tf.removeBackend(name);
});

describe("compareKernel", () => {
  it("finds nothing wrong with a right fast form", async () => {
    expect(await compareKernel(rmsNormCases, example, "rightnorm")).toEqual([]);
  });

  it("reports values that are 0.01 % off", async () => {
    const [report, ...others] = await compareKernel(rmsNormCases, example, "wrongnorm");
    expect(report).toMatch(/^output 0: \d+ of 96 values differ by more than 0.00001; worst at \d+: /);
    expect(others).toEqual([]);
  });

  it("reports NaN and infinity", async () => {
    expect(await compareKernel(rmsNormCases, example, "nannorm")).toEqual([
      expect.stringMatching(/^output 0: 96 of 96 values differ/),
    ]);
  });

  it("reports another shape", async () => {
    expect(await compareKernel(rmsNormCases, example, "shapenorm")).toEqual([
      "output 0 is float32 [96] in place of float32 [2,3,16]",
    ]);
  });

  it("reports tensors that are left behind", async () => {
    const report = await compareKernel(rmsNormCases, example, "leakynorm");
    expect(report).toContain("a call left 1 tensors beside its outputs");
  });

  it("reports a wrong gradient of a right value", async () => {
    tf.registerGradient({
      kernelName: rmsNorm.kernelName,
      inputsToSave: ["x", "weight"],
      gradFunc: (dy, [x, weight]) => ({
        x: () => tf.zerosLike(x as tf.Tensor),
        weight: () => tf.sum(tf.reshape(dy as tf.Tensor, [-1, (weight as tf.Tensor).size]), 0),
      }),
    });
    try {
      const report = await compareKernel(rmsNormCases, example, "rightnorm");
      expect(report.map((line) => line.split(":")[0])).toEqual(["gradient of x", "gradient of weight"]);
    } finally {
      tf.unregisterGradient(rmsNorm.kernelName);
    }
  });
});

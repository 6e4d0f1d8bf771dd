import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { rmsNormCases } from "../kernels/rms-norm.cases.js";
import { describeKernels } from "./describe-kernels.js";

describe("describeKernels of a backend that is not registered", () => {
  describeKernels("absent", { kernels: [rmsNormCases] });

  it("is there as skipped tests, one for each case", ({ task }) => {
    expect(tf.engine().registryFactory).not.toHaveProperty("absent");
    const skipped = task.suite?.tasks.find((sibling) => sibling.name === "kernels on absent");
    expect(skipped?.mode).toBe("skip");
  });
});

import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { adamWCases } from "./adam-w.cases.js";
import type { AdamWAttrs } from "./adam-w.js";

describeOracle<AdamWAttrs>(adamWCases, (inputs, attrs) => {
  const { param, grad, m, v } = inputs as Record<"param" | "grad" | "m" | "v", HostArray>;
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = attrs;
  const nextM = m.values.map((mean, i) => beta1 * mean + (1 - beta1) * (grad.values[i] as number));
  const nextV = v.values.map((mean, i) => beta2 * mean + (1 - beta2) * (grad.values[i] as number) ** 2);
  const next = param.values.map((value, i) => {
    const mean = (nextM[i] as number) / (1 - beta1 ** step);
    const root = Math.sqrt((nextV[i] as number) / (1 - beta2 ** step));
    return value - learningRate * (mean / (root + epsilon) + weightDecay * value);
  });
  return [next, nextM, nextV];
});

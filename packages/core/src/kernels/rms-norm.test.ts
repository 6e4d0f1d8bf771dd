import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { rmsNormOracle } from "../testing/rms-norm-oracle.js";
import { rmsNormCases } from "./rms-norm.cases.js";
import type { RmsNormAttrs } from "./rms-norm.js";

describeOracle<RmsNormAttrs>(rmsNormCases, (inputs, { epsilon, weightOffset }) => {
  const { x, weight } = inputs as { x: HostArray; weight: HostArray };
  return [rmsNormOracle(x.values, weight.values, epsilon, weightOffset)];
});

import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { rmsNormCases } from "./rms-norm.cases.js";
import type { RmsNormAttrs } from "./rms-norm.js";

describeOracle<RmsNormAttrs>(rmsNormCases, (inputs, { epsilon, weightOffset }) => {
  const { x, weight } = inputs as { x: HostArray; weight: HostArray };
  const dim = weight.values.length;
  const out = new Float64Array(x.values.length);
  for (let start = 0; start < out.length; start += dim) {
    const row = x.values.subarray(start, start + dim);
    const meanSquare = row.reduce((sum, value) => sum + value * value, 0) / dim;
    row.forEach((value, i) => {
      out[start + i] = (value / Math.sqrt(meanSquare + epsilon)) * ((weight.values[i] as number) + weightOffset);
    });
  }
  return [out];
});

import { describeOracle } from "../testing/describe-oracle.js";
import { linearOracle } from "../testing/linear-oracle.js";
import { rmsNormOracle } from "../testing/rms-norm-oracle.js";
import { normPackedLinearsCases } from "./norm-packed-linears.cases.js";
import type { NormPackedLinearsAttrs } from "./norm-packed-linears.js";

describeOracle<NormPackedLinearsAttrs>(normPackedLinearsCases, (inputs, { weights, epsilon, weightOffset }) => {
  const normed = rmsNormOracle(inputs.x?.values ?? [], inputs.norm?.values ?? [], epsilon, weightOffset);
  return weights.map((weight, i) => linearOracle(normed, weight.unpack(), weight.shape[1], inputs[`bias${i}`]?.values));
});

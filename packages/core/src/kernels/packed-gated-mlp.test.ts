import { describeOracle } from "../testing/describe-oracle.js";
import { gatedMlpOracle } from "../testing/gated-mlp-oracle.js";
import { rmsNormOracle } from "../testing/rms-norm-oracle.js";
import { packedGatedMlpCases } from "./packed-gated-mlp.cases.js";
import type { PackedGatedMlpAttrs } from "./packed-gated-mlp.js";

describeOracle<PackedGatedMlpAttrs>(packedGatedMlpCases, (inputs, { activation, gate, up, down, preNorm }) => {
  const weights = {
    gate: gate.unpack(),
    up: up.unpack(),
    down: down.unpack(),
    gateBias: inputs.gateBias?.values,
    upBias: inputs.upBias?.values,
    downBias: inputs.downBias?.values,
  };
  const x = inputs.x?.values ?? [];
  const normed = preNorm && rmsNormOracle(x, inputs.norm?.values ?? [], preNorm.epsilon, preNorm.weightOffset);
  const mlp = gatedMlpOracle(normed ?? x, gate.shape[1], weights, activation);
  return [preNorm ? mlp.map((value, i) => value + (x[i] as number)) : mlp];
});

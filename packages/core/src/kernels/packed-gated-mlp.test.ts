import { describeOracle } from "../testing/describe-oracle.js";
import { gatedMlpOracle } from "../testing/gated-mlp-oracle.js";
import { packedGatedMlpCases } from "./packed-gated-mlp.cases.js";
import type { PackedGatedMlpAttrs } from "./packed-gated-mlp.js";

describeOracle<PackedGatedMlpAttrs>(packedGatedMlpCases, (inputs, { activation, gate, up, down }) => {
  const weights = {
    gate: gate.unpack(),
    up: up.unpack(),
    down: down.unpack(),
    gateBias: inputs.gateBias?.values,
    upBias: inputs.upBias?.values,
    downBias: inputs.downBias?.values,
  };
  return [gatedMlpOracle(inputs.x?.values ?? [], gate.shape[1], weights, activation)];
});

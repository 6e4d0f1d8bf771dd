import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { gatedMlpOracle } from "../testing/gated-mlp-oracle.js";
import { denseGatedMlpCases } from "./dense-gated-mlp.cases.js";
import type { DenseGatedMlpAttrs } from "./dense-gated-mlp.js";

describeOracle<DenseGatedMlpAttrs>(denseGatedMlpCases, (inputs, { activation }) => {
  const { x, gate, up, down } = inputs as Record<"x" | "gate" | "up" | "down", HostArray>;
  const weights = {
    gate: asCheckpoint(gate),
    up: asCheckpoint(up),
    down: asCheckpoint(down),
    gateBias: inputs.gateBias?.values,
    upBias: inputs.upBias?.values,
    downBias: inputs.downBias?.values,
  };
  return [gatedMlpOracle(x.values, gate.shape[0] as number, weights, activation)];
});

/** `[in, out]` to `[out, in]`. */
function asCheckpoint({ values, shape }: HostArray): Float64Array {
  const [inputs, outputs] = shape as [number, number];
  return values.map((_, i) => values[(i % inputs) * outputs + Math.floor(i / inputs)] as number);
}

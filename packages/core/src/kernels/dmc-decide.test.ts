import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { dmcDecideCases } from "./dmc-decide.cases.js";
import type { DmcDecideAttrs } from "./dmc-decide.js";

describeOracle<DmcDecideAttrs>(dmcDecideCases, (inputs, { channel, offset, epsilon, edge }) => {
  const { q, k } = inputs as { q: HostArray; k: HostArray };
  const [, queryHeads, tokens, headDim] = q.shape as [number, number, number, number];
  const [rows, kvHeads] = k.shape as [number, number];
  const group = queryHeads / kvHeads;
  const merge: number[] = [];
  const omega: number[] = [];
  for (let lane = 0; lane < rows * kvHeads; lane++) {
    for (let t = 0; t < tokens; t++) {
      const decision = (k.values[(lane * tokens + t) * headDim + channel] as number) - offset;
      merge.push(decision > edge ? 1 : 0);
      let sum = 0;
      for (let g = 0; g < group; g++) {
        sum += q.values[((lane * group + g) * tokens + t) * headDim + channel] as number;
      }
      omega.push(1 / (1 + Math.exp(-(sum / group + offset))) + epsilon);
    }
  }
  return [merge, omega];
});

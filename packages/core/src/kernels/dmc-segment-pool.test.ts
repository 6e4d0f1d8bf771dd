import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { dmcSegmentPoolCases } from "./dmc-segment-pool.cases.js";

describeOracle(dmcSegmentPoolCases, (inputs) => {
  const { items, merge, omega } = inputs as Record<"items" | "merge" | "omega", HostArray>;
  const [rows, heads, tokens, width] = items.shape as [number, number, number, number];
  const pooled: number[] = [];
  const z: number[] = [];
  for (let lane = 0; lane < rows * heads; lane++) {
    let sum = new Float64Array(width + 1);
    for (let t = 0; t < tokens; t++) {
      const at = lane * tokens + t;
      if (t === 0 || merge.values[at] === 0) sum = new Float64Array(width + 1);
      const weight = omega.values[at] as number;
      sum = sum.map((x, c) => x + weight * (c < width ? (items.values[at * width + c] as number) : 1));
      z.push(sum[width] as number);
      pooled.push(...sum.subarray(0, width).map((x) => x / (sum[width] as number)));
    }
  }
  return [pooled, z];
});

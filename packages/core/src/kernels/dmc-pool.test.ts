import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { dmcPoolCases } from "./dmc-pool.cases.js";
import type { DmcPoolAttrs } from "./dmc-pool.js";

describeOracle<DmcPoolAttrs>(dmcPoolCases, (inputs, { window }) => {
  const { items, alpha, omega } = inputs as Record<"items" | "alpha" | "omega", HostArray>;
  const [rows, heads, tokens, width] = items.shape as [number, number, number, number];
  const pooled = new Float64Array(items.values.length);
  const z = new Float64Array(alpha.values.length);
  for (let lane = 0; lane < rows * heads; lane++) {
    for (let t = 0; t < tokens; t++) {
      const at = lane * tokens + t;
      let reach = 1;
      for (let s = t; s >= 0 && s > t - window; s--) {
        const weight = reach * (omega.values[lane * tokens + s] as number);
        z[at] = (z[at] as number) + weight;
        for (let c = 0; c < width; c++) {
          pooled[at * width + c] =
            (pooled[at * width + c] as number) + weight * (items.values[(lane * tokens + s) * width + c] as number);
        }
        reach *= alpha.values[lane * tokens + s] as number;
      }
      for (let c = 0; c < width; c++) pooled[at * width + c] = (pooled[at * width + c] as number) / (z[at] as number);
    }
  }
  return [pooled, z];
});

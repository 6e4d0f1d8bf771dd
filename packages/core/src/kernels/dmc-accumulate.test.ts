import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { dmcAccumulateCases } from "./dmc-accumulate.cases.js";

describeOracle(dmcAccumulateCases, (inputs) => {
  const { item, merge, omega, sums } = inputs as Record<"item" | "merge" | "omega" | "sums", HostArray>;
  const [lanes, width] = item.shape as [number, number];
  const next = sums.values.map((old, i) => {
    const lane = Math.floor(i / (width + 1));
    const column = i % (width + 1);
    const x = column < width ? (item.values[lane * width + column] as number) : 1;
    return old * (merge.values[lane] as number) + x * (omega.values[lane] as number);
  });
  const z = Array.from({ length: lanes }, (_, lane) => next[lane * (width + 1) + width] as number);
  const pooled = Array.from(item.values, (_, i) => {
    const lane = Math.floor(i / width);
    return (next[lane * (width + 1) + (i % width)] as number) / (z[lane] as number);
  });
  return [pooled, z, next];
});

import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { dmcFoldCases } from "./dmc-fold.cases.js";

describeOracle(dmcFoldCases, (inputs) => {
  const { item, merge, omega, ring, count, slot } = inputs as Record<string, HostArray> & { item: HostArray };
  const [lanes, width] = item.shape as [number, number];
  const window = ring?.shape[1] as number;
  const value = (x: HostArray | undefined, i: number) => x?.values[i] as number;
  const pooled: number[] = [];
  const z: number[] = [];
  const newRing = ring?.values.slice() as Float64Array;
  const newCount: number[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const n = value(merge, lane) * value(count, lane) + 1;
    newCount.push(n);
    const here = value(slot, lane);
    for (let c = 0; c <= width; c++) {
      newRing[(lane * window + here) * (width + 1) + c] =
        value(omega, lane) * (c < width ? value(item, lane * width + c) : 1);
    }
    // the segment's tokens still in the ring, newest first
    const sums = new Float64Array(width + 1);
    for (let back = 0; back < Math.min(n, window); back++) {
      const at = (((here - back) % window) + window) % window;
      for (let c = 0; c <= width; c++) {
        sums[c] = (sums[c] as number) + (newRing[(lane * window + at) * (width + 1) + c] as number);
      }
    }
    z.push(sums[width] as number);
    for (let c = 0; c < width; c++) pooled.push((sums[c] as number) / (sums[width] as number));
  }
  return [pooled, z, newRing, newCount];
});

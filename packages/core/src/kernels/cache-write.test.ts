import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { cacheWriteCases } from "./cache-write.cases.js";
import type { CacheWriteAttrs } from "./cache-write.js";

describeOracle<CacheWriteAttrs>(cacheWriteCases, (inputs, { laneLengths, freshCounts, replaceLast }) => {
  const { entries, fresh } = inputs as { entries: HostArray; fresh: HostArray };
  const width = entries.shape.slice(1).reduce((a, b) => a * b, 1);
  const lanes = laneLengths.map((): number[][] => []);
  const rows = (x: HostArray, counts: readonly number[], put: (lane: number, row: number[], index: number) => void) => {
    let at = 0;
    counts.forEach((count, lane) => {
      for (let i = 0; i < count; i++, at++) put(lane, [...x.values.slice(at * width, (at + 1) * width)], i);
    });
  };
  rows(entries, laneLengths, (lane, row) => lanes[lane]?.push(row));
  rows(fresh, freshCounts, (lane, row, index) => {
    if (index === 0 && replaceLast[lane] === 1) lanes[lane]?.pop();
    lanes[lane]?.push(row);
  });
  return [Float64Array.from(lanes.flat(2))];
});

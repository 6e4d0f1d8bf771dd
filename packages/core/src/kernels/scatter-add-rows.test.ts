import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { scatterAddRowsCases } from "./scatter-add-rows.cases.js";
import type { ScatterAddRowsAttrs } from "./scatter-add-rows.js";

describeOracle<ScatterAddRowsAttrs>(scatterAddRowsCases, (inputs, { size }) => {
  const { rows, ids } = inputs as { rows: HostArray; ids: HostArray };
  const dim = rows.shape[1] as number;
  // Each output element collects its own sources: the other way round than the kernel.
  const collect = (id: number, column: number) =>
    ids.values.reduce((sum, from, row) => sum + (from === id ? (rows.values[row * dim + column] as number) : 0), 0);
  return [Float64Array.from({ length: size * dim }, (_, i) => collect(Math.floor(i / dim), i % dim))];
});

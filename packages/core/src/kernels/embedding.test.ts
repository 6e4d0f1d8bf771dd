import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { embeddingCases } from "./embedding.cases.js";

describeOracle(embeddingCases, (inputs) => {
  const { table, ids } = inputs as { table: HostArray; ids: HostArray };
  const dim = table.shape[1] as number;
  return [[...ids.values].flatMap((id) => [...table.values.subarray(id * dim, (id + 1) * dim)])];
});

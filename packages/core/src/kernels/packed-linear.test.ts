import { describeOracle } from "../testing/describe-oracle.js";
import { linearOracle } from "../testing/linear-oracle.js";
import { packedLinearCases } from "./packed-linear.cases.js";
import type { PackedLinearAttrs } from "./packed-linear.js";

describeOracle<PackedLinearAttrs>(packedLinearCases, ({ x, bias, residual }, { weight }) => [
  linearOracle(x?.values, weight.unpack(), weight.shape[1], bias?.values).map(
    (value, i) => value + (residual?.values[i] ?? 0),
  ),
]);

import { everyLaw } from "@kvfold/core/testing";
import { describePolicies, type PolicyRow } from "../testing/describe-policy.js";
import { ownPolicyRows } from "../testing/own-policy-rows.js";

/** Else the slowest backend, cpu, sees one policy of each kind. */
const every = everyLaw(import.meta);
const kinds = new Set<string>();

function sampled(row: PolicyRow): PolicyRow {
  const kind = row.policy().name.split(":")[0] as string;
  if (every || !kinds.has(kind)) {
    kinds.add(kind);
    return row;
  }
  return { ...row, backends: ["wasm"] };
}

describePolicies(ownPolicyRows.map(sampled));

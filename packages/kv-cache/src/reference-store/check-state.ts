import { KvfoldError } from "@kvfold/core";
import type { StoreState } from "../store.js";

/**
 * Checks a state before a store takes it over: every entry has a number in each field, every lane its running state.
 *
 * @throws KvfoldError `cache-state` when a tensor is missing or of another length
 */
export function checkState(state: StoreState, fields: readonly string[], laneState: readonly string[]): void {
  const lanes = state.lengths.length;
  const entries = state.lengths.reduce((a, b) => a + b, 0);
  for (const name of [...fields, ...laneState]) {
    const length = fields.includes(name) ? entries : lanes;
    const found = state.tensors[name]?.shape[0];
    if (found === length) continue;
    throw new KvfoldError(
      "cache-state",
      `This state has ${found ?? "no"} ${name} where its lanes need ${length}; it belongs to another store or policy.`,
    );
  }
}

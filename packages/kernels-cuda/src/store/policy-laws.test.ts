import { everyLaw } from "@kvfold/core/testing";
import { describePolicies, ownPolicyRows } from "@kvfold/kv-cache/testing";
import { emulator } from "../../test/use-emulator.js";

/** Others do the same: a second budget of H2O, and the three policies with budgets once more, a layer each. */
const again = ["h2o:heavy=4,recent=1", "perLayer(0=tova"];

/** Cheap ones, one of each way to keep positions. */
const sample = ["full", "window:sinks=2,recent=4", "window:sinks=2,recent=3,positions=reindexed,evict=after"];

const rows = ownPolicyRows.filter(({ policy }) => {
  const { name } = policy();
  return everyLaw(import.meta) ? !again.some((start) => name.startsWith(start)) : sample.includes(name);
});
if (emulator !== undefined) describePolicies(rows.map((row) => ({ ...row, backends: ["cuda"] })));

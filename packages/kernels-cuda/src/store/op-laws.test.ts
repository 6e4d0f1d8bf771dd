import { everyLaw } from "@kvfold/core/testing";
import { describePolicies, ownPolicyRows, type PolicyRow, storeOpRows } from "@kvfold/kv-cache/testing";
import { emulator } from "../../test/use-emulator.js";

/** How far outputs may be from those over float32 entries, for values near 1; what one codec does is as exact as float32. */
const tolerances = { bf16: 0.015, int8: 0.03 };

const nameOf = ({ name, policy }: PolicyRow) => name ?? policy().name;

/** Policies that use different ops of the store, for each codec: the emulated device is slow. */
const coded = (codec: keyof typeof tolerances, names: readonly string[]): PolicyRow[] =>
  [...ownPolicyRows, ...storeOpRows]
    .filter((row) => names.includes(nameOf(row)))
    .map((row) => ({
      ...row,
      name: `${nameOf(row)} in ${codec}`,
      codec: { name: codec, tolerance: tolerances[codec] },
    }));

const rows = everyLaw(import.meta)
  ? [
      ...storeOpRows,
      ...coded("bf16", ["full", "un-rotated merging", "delayed eviction"]),
      ...coded("int8", ["full", "ring of 5", "un-rotated merging, no window"]),
    ]
  : [
      ...storeOpRows.filter((row) => nameOf(row) === "ring of 5"),
      ...coded("bf16", ["delayed eviction"]),
      ...coded("int8", ["un-rotated merging, no window"]),
    ];
if (emulator !== undefined) describePolicies(rows.map((row) => ({ ...row, backends: ["cuda"] })));

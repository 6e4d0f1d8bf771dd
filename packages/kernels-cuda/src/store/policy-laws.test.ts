import { describePolicies, ownPolicyRows } from "@kvfold/kv-cache/testing";
import { emulator } from "../../test/use-emulator.js";

/** Others do the same: a second budget of H2O, and the three policies with budgets once more, a layer each. */
const again = ["h2o:heavy=4,recent=1", "perLayer(0=tova"];

const rows = ownPolicyRows.filter(({ policy }) => !again.some((name) => policy().name.startsWith(name)));
if (emulator !== undefined) describePolicies(rows.map((row) => ({ ...row, backends: ["cuda"] })));

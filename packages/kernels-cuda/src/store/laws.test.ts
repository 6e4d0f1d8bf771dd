import { describePolicies, ownPolicyRows } from "@kvfold/kv-cache/testing";
import { emulator } from "../../test/use-emulator.js";

if (emulator !== undefined) describePolicies(ownPolicyRows.map((row) => ({ ...row, backends: ["cuda"] })));

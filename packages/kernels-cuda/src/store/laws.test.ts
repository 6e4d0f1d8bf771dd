import { describePolicies, ownPolicyRows, storeOpRows } from "@kvfold/kv-cache/testing";
import { emulator } from "../../test/use-emulator.js";

if (emulator !== undefined) {
  describePolicies([...ownPolicyRows, ...storeOpRows].map((row) => ({ ...row, backends: ["cuda"] })));
}

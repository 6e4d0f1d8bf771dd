import { describePolicies, ownPolicyRows, storeOpRows } from "@kvfold/kv-cache/testing";
import "../index.js";

describePolicies([...ownPolicyRows, ...storeOpRows].map((row) => ({ ...row, backends: ["native"] })));

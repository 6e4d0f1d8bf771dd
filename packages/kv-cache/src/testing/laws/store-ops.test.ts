import { describePolicies } from "../describe-policy.js";
import { storeOpRows } from "../store-op-rows.js";

describePolicies(storeOpRows.map((row) => ({ ...row, backends: ["cpu"] })));

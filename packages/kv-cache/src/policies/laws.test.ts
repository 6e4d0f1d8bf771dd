import { describePolicies } from "../testing/describe-policy.js";
import { ownPolicyRows } from "../testing/own-policy-rows.js";

describePolicies(ownPolicyRows);

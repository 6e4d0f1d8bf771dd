export {
  type DescribePolicyOptions,
  describePolicies,
  describePolicy,
  type PolicyRow,
} from "./testing/describe-policy.js";
export type { TextTokens } from "./testing/draw-texts.js";
export type { Law, LawOutcome, LawSubject } from "./testing/law.js";
export { allLaws } from "./testing/laws/all-laws.js";
export { ownPolicyRows } from "./testing/own-policy-rows.js";
export { storeOpRows } from "./testing/store-op-rows.js";

import { dmcDefinition } from "@kvfold/dmc";
import { type PolicyDefinition, policyTable } from "@kvfold/kv-cache";
import type { ModelConfig } from "./model-config.js";
import { dmcOptionsFromRetrofit } from "./options-from-retrofit.js";

/**
 * Every policy that kvfold has, for `parsePolicy`: `parsePolicy("dmc:threshold=0.4", modelPolicies(model.config))`.
 *
 * @param config of the model that the policy is for: `dmc` then runs a retrofitted model as it was trained. Default: the
 * values of the released DMC code
 */
export function modelPolicies(config?: Pick<ModelConfig, "retrofit">): readonly PolicyDefinition[] {
  const retrofit = config?.retrofit;
  return [...policyTable, dmcDefinition(retrofit?.method === "dmc" ? dmcOptionsFromRetrofit(retrofit) : undefined)];
}

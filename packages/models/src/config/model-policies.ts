import { dmcDefinition, dmsDefinition } from "@kvfold/dmc";
import { type PolicyDefinition, policyTable } from "@kvfold/kv-cache";
import type { ModelConfig } from "./model-config.js";
import { dmcOptionsFromRetrofit, dmsOptionsFromRetrofit } from "./options-from-retrofit.js";

/**
 * Every policy that kvfold has, for `parsePolicy`: `parsePolicy("dmc:threshold=0.4", modelPolicies(model.config))`.
 *
 * @param config of the model that the policy is for: `dmc` or `dms` then runs a retrofitted model as it was trained.
 * Default: the values of the released code
 */
export function modelPolicies(config?: Pick<ModelConfig, "retrofit">): readonly PolicyDefinition[] {
  const retrofit = config?.retrofit;
  return [
    ...policyTable,
    dmcDefinition(retrofit?.method === "dmc" ? dmcOptionsFromRetrofit(retrofit) : undefined),
    dmsDefinition(retrofit?.method === "dms" ? dmsOptionsFromRetrofit(retrofit) : undefined),
  ];
}

import type { CachePolicy } from "@kvfold/kv-cache";
import type { ModelConfig } from "@kvfold/models";
import { note } from "../terminal/output.js";
import { UsageError } from "../usage-error.js";

/** A policy with the SPEC that the user gave. */
export interface NamedPolicy {
  readonly spec: string;
  readonly policy: CachePolicy;
}

/** Policies of a command line, for a model: `dmc` is then what the model was retrofitted for. */
export async function readPolicies(specs: readonly string[], config: ModelConfig): Promise<NamedPolicy[]> {
  const { parsePolicy } = await import("@kvfold/kv-cache");
  const { modelPolicies } = await import("@kvfold/models");
  return specs.map((spec) => {
    try {
      const policy = parsePolicy(spec, modelPolicies(config));
      checkLayers(policy, config);
      if (policy.note !== undefined) note(`note: ${policy.note}`);
      return { spec, policy };
    } catch (cause) {
      throw new UsageError(`--policy ${spec.slice(0, 80)}: ${(cause as Error).message}`, { cause });
    }
  });
}

/** The policy that a model runs with when the user names none: what it was retrofitted for, else `full`. */
export function defaultSpec(config: ModelConfig): string {
  return config.retrofit?.method ?? "full";
}

/** The policies to compare when the user names none: the full cache, and what the model was retrofitted for. */
export function defaultSpecs(config: ModelConfig): string[] {
  return [...new Set(["full", defaultSpec(config)])];
}

/** Makes every layer's policy once, so that a gap is found before weights are loaded. */
function checkLayers(policy: CachePolicy, { layers, queryHeads, kvHeads, headDim }: ModelConfig): void {
  for (let layer = 0; layer < layers; layer++) policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim });
}

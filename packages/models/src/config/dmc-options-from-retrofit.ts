import type { DmcOptions } from "@kvfold/dmc";
import type { RetrofitConfig } from "./retrofit-config.js";

/**
 * The options with which `dmc` runs a retrofitted model as it was trained; pass them to `dmc(...)`, or to
 * `dmcDefinition(...)` as what a SPEC leaves out. Layers that the retrofit left alone keep every token.
 */
export function dmcOptionsFromRetrofit(retrofit: RetrofitConfig): DmcOptions {
  const { neuron, offset, importanceEpsilon, window, layers, targetCompressionRatio } = retrofit;
  return {
    neuron,
    offset,
    epsilon: importanceEpsilon,
    window: window ?? null,
    ...(layers === undefined ? {} : { layers }),
    ...(targetCompressionRatio === undefined ? {} : { targetRatio: targetCompressionRatio }),
  };
}

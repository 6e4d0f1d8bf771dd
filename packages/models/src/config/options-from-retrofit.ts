import type { DmcOptions, DmsOptions } from "@kvfold/dmc";
import type { DmcRetrofitConfig, DmsRetrofitConfig } from "./retrofit-config.js";

/**
 * The options with which `dmc` runs a retrofitted model as it was trained; pass them to `dmc(...)`, or to
 * `dmcDefinition(...)` as what a SPEC leaves out. Layers that the retrofit left alone keep every token.
 */
export function dmcOptionsFromRetrofit(retrofit: DmcRetrofitConfig): DmcOptions {
  return { ...sharedOptions(retrofit), epsilon: retrofit.importanceEpsilon, window: retrofit.window ?? null };
}

/** As {@link dmcOptionsFromRetrofit}, for `dms`. */
export function dmsOptionsFromRetrofit(retrofit: DmsRetrofitConfig): DmsOptions {
  return { ...sharedOptions(retrofit), logitScale: retrofit.logitScale, delay: retrofit.delay };
}

function sharedOptions({
  neuron,
  offset,
  layers,
  targetCompressionRatio,
  granularity,
}: DmcRetrofitConfig | DmsRetrofitConfig) {
  return {
    neuron,
    offset,
    ...(granularity === "head" ? {} : { granularity }),
    ...(layers === undefined ? {} : { layers }),
    ...(targetCompressionRatio === undefined ? {} : { targetRatio: targetCompressionRatio }),
  };
}

import { type DmcOptions, decisionChannel, dmc, dmcForTraining } from "@kvfold/dmc";
import type { ModelConfig } from "@kvfold/models";
import type { DmcMethodRecipe } from "../recipe/recipe.js";
import type { TrainingMethod } from "./method.js";
import { stagedMethod } from "./staged-method.js";

/** The retrofit of Dynamic Memory Compression (Nawrot et al. 2024): all heads of keys and queries give the neuron away. */
export function dmcMethod(recipe: DmcMethodRecipe, config: Pick<ModelConfig, "headDim">): TrainingMethod {
  const { cr, neuron, offset, window, granularity, temperature } = recipe;
  const options: DmcOptions = { neuron, offset, window, granularity, targetRatio: cr };
  return stagedMethod(recipe, {
    borrowed: { channel: decisionChannel(neuron, config.headDim), queries: "all", keys: true },
    learning: (relaxation) => dmcForTraining(options, relaxation),
    inference: dmc(options),
    retrofit: {
      method: "dmc",
      neuron,
      offset,
      importanceEpsilon: 2 ** -7,
      window: window ?? undefined,
      temperature,
      targetCompressionRatio: cr,
      layers: undefined,
      granularity,
    },
  });
}

import { type DmsOptions, decisionChannel, dms, dmsForTraining } from "@kvfold/dmc";
import type { ModelConfig } from "@kvfold/models";
import type { DmsMethodRecipe } from "../recipe/recipe.js";
import type { TrainingMethod } from "./method.js";
import { stagedMethod } from "./staged-method.js";

/**
 * The retrofit of Dynamic Memory Sparsification (Łańcucki et al. 2025): only the first query head of each group gives the
 * neuron away.
 *
 * The ratio that is asked for, and the one that steps report, counts decisions, as in the released code: tokens decided on
 * for each one kept. A cache holds more: the last `delay` tokens of a lane are there whatever was decided. After n tokens
 * at a ratio r it has about delay + (n - delay) / r entries, so that its own ratio nears r only in texts far longer than the
 * delay.
 */
export function dmsMethod(recipe: DmsMethodRecipe, config: Pick<ModelConfig, "headDim">): TrainingMethod {
  const { cr, neuron, offset, logitScale, delay, granularity, temperature } = recipe;
  const options: DmsOptions = { neuron, offset, logitScale, delay, granularity, targetRatio: cr };
  return stagedMethod(recipe, {
    borrowed: { channel: decisionChannel(neuron, config.headDim), queries: "first-of-group", keys: false },
    learning: (relaxation) => dmsForTraining(options, relaxation),
    inference: dms(options),
    retrofit: {
      method: "dms",
      neuron,
      offset,
      logitScale,
      delay,
      temperature,
      targetCompressionRatio: cr,
      layers: undefined,
      granularity,
    },
  });
}

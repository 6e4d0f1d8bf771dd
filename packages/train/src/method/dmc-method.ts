import {
  blankingFactor,
  compressionLoss,
  type DmcOptions,
  dmc,
  dmcForTraining,
  makeRelaxation,
  mergedParts,
  ratioSchedule,
} from "@kvfold/dmc";
import { full } from "@kvfold/kv-cache";
import type { ModelConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import type { DmcMethodRecipe } from "../recipe/recipe.js";
import { blankNeuron } from "./blank-neuron.js";
import type { Auxiliary, TrainingMethod } from "./method.js";

/**
 * The retrofit of Dynamic Memory Compression in three stages (Nawrot et al. 2024): `blank` takes the decision neuron of
 * keys and queries away little by little, then sets its weights to 0; `ramp` raises the compression ratio that the
 * one-sided loss asks for from 1 to `cr`; `solidify` holds it there.
 */
export function dmcMethod(recipe: DmcMethodRecipe, config: ModelConfig): TrainingMethod {
  const { cr, neuron, offset, window, granularity, temperature, lossWeight, lossScope } = recipe;
  const { blank, ramp } = recipe.stages;
  const channel = neuron === "first" ? 0 : config.headDim - 1;
  const options: DmcOptions = { neuron, offset, window, granularity, targetRatio: cr };
  const relaxation = makeRelaxation(recipe.relaxation, { temperature, firstStep: blank, rampSteps: ramp });
  const learning = dmcForTraining(options, relaxation);
  const ratioAt = ratioSchedule({ to: cr, steps: ramp });
  return {
    at(step) {
      if (step >= blank) {
        const stage = step < blank + ramp ? "ramp" : "solidify";
        return { stage, policy: learning, targetRatio: ratioAt(step - blank) };
      }
      const borrowed = { channel, queries: "all", keys: true } as const;
      const fading = { borrowed, borrowedFactor: blankingFactor(step, blank) };
      return { stage: "blank", policy: full(), fading };
    },
    compressionLoss(auxiliary, { targetRatio }) {
      if (targetRatio === undefined) return undefined;
      return tf.mul(compressionLoss(decisions(auxiliary), { ratio: targetRatio, scope: lossScope }), lossWeight);
    },
    merged(auxiliary) {
      const alpha = decisions(auxiliary);
      return alpha.length === 0 ? undefined : mergedParts(alpha);
    },
    enter(step, parameters) {
      if (blank === 0 || step !== blank) return false;
      blankNeuron(parameters, channel);
      return true;
    },
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
    inference: (step) => (step <= blank ? full() : dmc(options)),
  };
}

function decisions(auxiliary: Auxiliary): tf.Tensor3D[] {
  return auxiliary.flatMap(({ alpha }) => (alpha === undefined ? [] : [alpha as tf.Tensor3D]));
}

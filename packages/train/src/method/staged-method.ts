import {
  blankingFactor,
  compressionLoss,
  makeRelaxation,
  mergedParts,
  type Relaxation,
  ratioSchedule,
} from "@kvfold/dmc";
import { type CachePolicy, full, type TrainingCall } from "@kvfold/kv-cache";
import type { RetrofitConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import type { MethodRecipe } from "../recipe/recipe.js";
import { blankNeuron, neuronRows } from "./blank-neuron.js";
import type { Auxiliary, TrainingMethod } from "./method.js";

/** What a way to compress says of itself; see {@link stagedMethod}. */
export interface StagedCompression {
  /** Channel that decisions take over, and the heads that lose it. */
  readonly borrowed: NonNullable<TrainingCall["borrowed"]>;
  /** Policy whose training form decides as relaxed. */
  readonly learning: (relaxation: Relaxation) => CachePolicy;
  /** Policy of the inference rule. */
  readonly inference: CachePolicy;
  /** Block for the exported config. */
  readonly retrofit: RetrofitConfig;
}

/**
 * A retrofit in three stages: `blank` takes the borrowed neuron away little by little, then sets its weights to 0; `ramp`
 * raises the compression ratio that the one-sided loss asks for from 1 to `cr`; `solidify` holds it there.
 */
export function stagedMethod(recipe: MethodRecipe, compression: StagedCompression): TrainingMethod {
  const { cr, temperature, noiseScale, lossWeight, lossScope, rampRises, annealing } = recipe;
  const { blank, ramp } = recipe.stages;
  const { borrowed, retrofit } = compression;
  const relaxation = makeRelaxation(recipe.relaxation, {
    temperature,
    ...(noiseScale !== undefined && { noiseScale }),
    ...(annealing && { annealing: { ...annealing, firstStep: blank } }),
  });
  const learning = compression.learning(relaxation);
  const ratioAt = ratioSchedule({ to: cr, steps: ramp, rises: rampRises });
  return {
    at(step) {
      if (step >= blank) {
        const stage = step < blank + ramp ? "ramp" : "solidify";
        return { stage, policy: learning, targetRatio: ratioAt(step - blank) };
      }
      return { stage: "blank", policy: full(), fading: { borrowed, borrowedFactor: blankingFactor(step, blank) } };
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
      blankNeuron(parameters, borrowed.channel, borrowed);
      return true;
    },
    decisionRows: (parameters) => neuronRows(parameters, borrowed.channel, borrowed),
    retrofit,
    inference: (step) => (step <= blank ? full() : compression.inference),
  };
}

function decisions(auxiliary: Auxiliary): tf.Tensor3D[] {
  return auxiliary.flatMap(({ alpha }) => (alpha === undefined ? [] : [alpha as tf.Tensor3D]));
}

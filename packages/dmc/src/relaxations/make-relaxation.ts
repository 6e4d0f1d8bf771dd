import { gumbelSigmoid } from "./gumbel-sigmoid.js";
import type { Relaxation } from "./relaxation.js";
import { sigmoidAnnealing } from "./sigmoid-annealing.js";
import { straightThrough } from "./straight-through.js";

/** What the relaxations of a recipe need to know; each takes what concerns it. */
export interface RelaxationSettings {
  /** Of the logits; the last one where it is annealed. */
  readonly temperature: number;
  /** Optimiser step at which decisions start to matter. */
  readonly firstStep: number;
  /** Steps of the ramp of the compression ratio. */
  readonly rampSteps: number;
}

const makers = {
  "gumbel-sigmoid": ({ temperature }) => gumbelSigmoid({ temperature }),
  "straight-through": ({ temperature }) => straightThrough({ temperature }),
  sigmoid: ({ temperature, firstStep, rampSteps }) =>
    sigmoidAnnealing({ from: Math.max(1, temperature), to: temperature, firstStep, steps: Math.max(1, rampSteps) }),
} as const satisfies Record<string, (settings: RelaxationSettings) => Relaxation>;

/** Names that recipes give to the relaxations. */
export type RelaxationName = keyof typeof makers;

/** The relaxation of a recipe. */
export function makeRelaxation(name: RelaxationName, settings: RelaxationSettings): Relaxation {
  return makers[name](settings);
}

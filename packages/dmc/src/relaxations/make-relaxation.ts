import { gumbelSigmoid } from "./gumbel-sigmoid.js";
import type { Relaxation } from "./relaxation.js";
import { sigmoidAnnealing } from "./sigmoid-annealing.js";
import { straightThrough } from "./straight-through.js";

/** What the relaxations of a recipe need to know; each takes what concerns it. */
export interface RelaxationSettings {
  /** Of the logits; the last one where it is annealed. */
  readonly temperature: number;
  /** Factor of the noise, where there is some. Default 1. */
  readonly noiseScale?: number;
  /** How the temperature of `sigmoid` falls: from which one, from which optimiser step, over how many. Default: it stays. */
  readonly annealing?: { readonly from: number; readonly firstStep: number; readonly steps: number };
}

const makers = {
  "gumbel-sigmoid": ({ temperature, noiseScale = 1 }) => gumbelSigmoid({ temperature, noiseScale }),
  "straight-through": ({ temperature, noiseScale = 1 }) => straightThrough({ temperature, noiseScale }),
  sigmoid: ({ temperature, annealing = { from: temperature, firstStep: 0, steps: 1 } }) =>
    sigmoidAnnealing({ ...annealing, to: temperature }),
} as const satisfies Record<RelaxationName, (settings: RelaxationSettings) => Relaxation>;

/** Names that recipes give to the relaxations. */
export type RelaxationName = "gumbel-sigmoid" | "straight-through" | "sigmoid";

/** The relaxation of a recipe. */
export function makeRelaxation(name: RelaxationName, settings: RelaxationSettings): Relaxation {
  return makers[name](settings);
}

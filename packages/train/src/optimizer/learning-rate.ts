import type { ScheduleRecipe } from "../recipe/recipe.js";

/**
 * Part of the full learning rate at a step, 0..1: linear warm-up, then constant; `cosine` falls to `minimum` over all
 * other steps, `wsd` (warm-up, stable, decay) linearly over its last `decaySteps`.
 *
 * @param step from 0
 */
export function learningRateFactor(schedule: ScheduleRecipe, step: number, steps: number): number {
  const { kind, warmupSteps, decaySteps, minimum } = schedule;
  const rising = Math.min(1, (step + 1) / Math.max(1, warmupSteps));
  if (kind === "constant") return rising;
  if (kind === "wsd") {
    const left = Math.min(1, (steps - step) / Math.max(1, decaySteps));
    return rising * (minimum + (1 - minimum) * left);
  }
  const part = Math.min(1, Math.max(0, (step - warmupSteps) / Math.max(1, steps - warmupSteps)));
  return rising * (minimum + ((1 - minimum) * (1 + Math.cos(Math.PI * part))) / 2);
}

/**
 * What is left of the borrowed neuron at a step of a retrofit's first stage, 1 to 0: it falls linearly over the first
 * four fifths and is 0 in the rest, so that the model has steps without it before its weights are set to 0.
 *
 * @param step from 0
 * @param steps steps of the stage; with 0 nothing is left
 */
export function blankingFactor(step: number, steps: number): number {
  return steps > 0 ? Math.max(0, 1 - step / (0.8 * steps)) : 0;
}

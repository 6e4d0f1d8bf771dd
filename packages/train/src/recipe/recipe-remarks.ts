import { shortestRamp } from "./dial.js";
import type { Recipe } from "./recipe.js";
import { formatTokenCount } from "./token-count.js";

/** Tokens that one optimiser step trains on. */
export function tokensPerStep({ batch }: Recipe): number {
  return batch.rows * batch.length * batch.accumulate;
}

/** What is allowed but likely not meant, each as one sentence. */
export function recipeRemarks(recipe: Recipe): string[] {
  const { method, batch, schedule, steps, distill } = recipe;
  const remarks: string[] = [];
  if (method === undefined) return remarks;
  const tokens = tokensPerStep(recipe);
  const { blank, ramp, solidify } = method.stages;
  const shortest = shortestRamp(method.cr, tokens);
  if (ramp < shortest)
    remarks.push(
      `the ramp to CR ${method.cr} takes ${ramp} steps; decisions were seen to follow one of ${shortest} steps of ` +
        `${tokens} tokens. Give it a budget of ${formatTokenCount(roundedUp((shortest / 0.6) * tokens))} tokens, or a lower cr.`,
    );
  if (schedule.kind === "wsd" && schedule.decaySteps > solidify)
    remarks.push(
      `the learning rate falls over the last ${schedule.decaySteps} steps, ${schedule.decaySteps - solidify} of them before ` +
        "the ramp has ended: decisions that lag behind will not catch up.",
    );
  if (blank === 0 && steps > 1)
    remarks.push("no step fades out the borrowed channel: what the model kept in it is cut off at once.");
  if (method.kind === "dms" && method.delay >= batch.length)
    remarks.push(
      `evicted tokens stay visible for ${method.delay} tokens, longer than a row of ${batch.length}: nothing is ever hidden in training.`,
    );
  if (method.kind === "dms" && distill === undefined)
    remarks.push("dms is meant to learn from the unchanged model; distill is null.");
  return remarks;
}

/** To two digits. */
function roundedUp(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.ceil(value / unit) * unit;
}

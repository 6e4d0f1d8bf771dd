import type { Recipe } from "@kvfold/train";
import { figure } from "../terminal/figures.js";

/** What a run will do, in a few lines. */
export function describeRecipe(recipe: Recipe): string[] {
  const { kind, model, batch, steps, method, optimizer, schedule, data, evaluate, checkpoint, output } = recipe;
  const tokens = batch.rows * batch.length * batch.accumulate;
  const lines: [string, string][] = [
    ["run", `${kind} of ${"from" in model ? model.from : "a new model"} into ${output}`],
    [
      "steps",
      `${figure(steps)} of ${figure(tokens)} tokens (${batch.rows} rows x ${batch.length} x ${batch.accumulate}), ${figure(steps * tokens)} in all`,
    ],
  ];
  if (method !== undefined) {
    const { blank, ramp, solidify } = method.stages;
    const perRatio = figure(ramp / (method.cr - 1), 1);
    lines.push(
      ["method", `${method.kind} to CR ${method.cr}, decided by ${method.granularity}`],
      ["stages", `blank ${blank}, ramp ${ramp} (${perRatio} for each +1.0 of CR), solidify ${solidify}`],
    );
  }
  const { adamw, muon } = optimizer;
  lines.push(
    [
      "optimizer",
      `AdamW ${adamw.learningRate}${muon === undefined ? "" : `, Muon ${muon.learningRate}`}, clip ${optimizer.clip}`,
    ],
    ["schedule", describeSchedule(schedule)],
    ["data", `${data.files.join(", ")}; ${figure(data.heldOut)} tokens held out`],
    [
      "every",
      `evaluation of ${figure(evaluate.tokens)} tokens: ${evaluate.everySteps} steps, checkpoint: ${checkpoint.everySteps} steps`,
    ],
  );
  return lines.map(([label, value]) => `${label.padEnd(11)}${value}`);
}

function describeSchedule({ kind, warmupSteps, decaySteps, minimum }: Recipe["schedule"]): string {
  const warmup = `warm-up of ${warmupSteps} steps`;
  if (kind === "constant") return `${warmup}, then constant`;
  if (kind === "cosine") return `${warmup}, then a cosine to ${minimum} of the rate`;
  return `${warmup}, then constant; down to ${minimum} of the rate over the last ${decaySteps} steps`;
}

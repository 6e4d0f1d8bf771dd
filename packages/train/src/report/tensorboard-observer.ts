import { closeSync, existsSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type TensorboardEvent, tensorboardRecord } from "./tensorboard-record.js";
import type { StepEvent, TrainingEvent, TrainingObserver } from "./training-event.js";

/** How often a run tells the parts merged of its lanes, which may be thousands. */
const LANE_REPORTS = 500;

/**
 * Writes a run's numbers as scalars for TensorBoard: losses, ratio and target, learning rate, norm of the gradients, tokens a
 * second and utilisation of every step, `evaluation/perplexity`, `evaluation/ratio` and `evaluation/recall`, and
 * `merged/layer0/head3`, the part of tokens that a lane merged (at most 500 times a run).
 *
 * Each part of a run has a file of its own, `events.out.tfevents.<seconds>.kvfold`; one that resumes takes back what was told
 * of the steps that it repeats.
 *
 * @param folder of the run; it is made
 * @param now milliseconds since 1970
 */
export function tensorboardObserver(folder: string, now: () => number = Date.now): TrainingObserver {
  let file: number | undefined;
  const close = () => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  const write = (event: Omit<TensorboardEvent, "wallTime">) => {
    file ??= openNew(folder, now());
    writeSync(file, tensorboardRecord({ wallTime: now() / 1000, ...event }));
  };
  return {
    observe(event) {
      if (event.type === "start") {
        close();
        if (event.step > 0) write({ step: event.step + 1, restart: true });
      }
      const scalars = scalarsOf(event);
      if (scalars !== undefined) write({ step: event.step, scalars });
    },
    close,
  };
}

function openNew(folder: string, milliseconds: number): number {
  mkdirSync(folder, { recursive: true });
  let seconds = Math.floor(milliseconds / 1000);
  const path = () => join(folder, `events.out.tfevents.${seconds}.kvfold`);
  while (existsSync(path())) seconds++; // files are read in the order of their names
  const file = openSync(path(), "wx");
  writeSync(file, tensorboardRecord({ wallTime: milliseconds / 1000, step: 0, fileVersion: "brain.Event:2" }));
  return file;
}

function scalarsOf(event: TrainingEvent): Record<string, number> | undefined {
  if (event.type === "step") return stepScalars(event);
  if (event.type !== "evaluation") return undefined;
  const { perplexity, ratio, recall } = event;
  return given({ "evaluation/perplexity": perplexity, "evaluation/ratio": ratio, "evaluation/recall": recall });
}

function stepScalars(event: StepEvent): Record<string, number> {
  const { loss, crossEntropy, compressionLoss, distillationLoss, targetRatio, ratio, merged = [] } = event;
  const { learningRate, gradientNorm, tokensPerSecond, mfu, step, steps } = event;
  const scalars = given({ loss, crossEntropy, compressionLoss, distillationLoss, targetRatio, ratio });
  Object.assign(scalars, given({ learningRate, gradientNorm, tokensPerSecond, mfu }));
  if (step % Math.ceil(steps / LANE_REPORTS) !== 0 && step !== steps) return scalars;
  for (const [layer, heads] of merged.entries())
    for (const [head, part] of heads.entries()) scalars[`merged/layer${layer}/head${head}`] = part;
  return scalars;
}

function given(values: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) found[name] = value;
  return found;
}

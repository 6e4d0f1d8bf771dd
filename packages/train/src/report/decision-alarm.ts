import type { AlarmEvent, StepEvent } from "./training-event.js";

/** Something that goes wrong with decisions. */
interface Cause {
  readonly code: string;
  /** Steps in a row that it must hold for: one noisy step is no alarm. */
  readonly steps: number;
  readonly holds: (ratio: number, target: number | undefined) => boolean;
  readonly message: (ratio: string, target: string) => string;
}

const CAUSES: readonly Cause[] = [
  {
    code: "decisions-collapsed",
    steps: 5,
    // without a target: 98 % of the tokens
    holds: (ratio, target = 25) => ratio > 2 * target,
    message: (ratio, target) =>
      `The ratio is ${ratio}, far above ${target}: too many tokens merge or go, and little may be left to attend to. Start ` +
      "from a checkpoint before it (model.from) with a lower learning rate or method.lossWeight.",
  },
  {
    code: "decisions-stuck",
    steps: 20,
    holds: (ratio, target = 1) => target > 1.5 && ratio < 1.05,
    message: (ratio, target) =>
      `Decisions do not move: the ratio is ${ratio} of ${target}. They learn through the projections of q and k: raise ` +
      "optimizer.adamw.learningRate or method.lossWeight, and see that train covers attention.",
  },
  {
    code: "ratio-behind",
    steps: 50,
    holds: (ratio, target = 1) => ratio < 0.75 * target,
    message: (ratio, target) =>
      `The ratio, ${ratio} of ${target}, has been below three quarters of its target for 50 steps. A higher ` +
      "method.lossWeight or a longer method.stages.ramp would be followed better.",
  },
];

/**
 * Watches the decisions of a run. Each cause is told once a stage, when it has held for some steps in a row:
 *
 * - `decisions-collapsed`: more than twice the ratio asked for (without a target: more than 98 % of the tokens), 5 steps;
 * - `decisions-stuck`: a ratio below 1.05 where more than 1.5 is asked for, 20 steps;
 * - `ratio-behind`: less than three quarters of the ratio asked for, 50 steps.
 *
 * @returns gives the alarms that a step raises; to be called with every step in order
 */
export function decisionAlarm(): (step: StepEvent) => readonly AlarmEvent[] {
  const held = new Map<string, number>();
  const told = new Set<string>();
  return ({ step, stage, ratio, targetRatio }) => {
    const alarms: AlarmEvent[] = [];
    if (ratio === undefined) return alarms;
    for (const { code, steps, holds, message } of CAUSES) {
      const count = holds(ratio, targetRatio) ? (held.get(code) ?? 0) + 1 : 0;
      held.set(code, count);
      const once = `${code} in ${stage}`;
      if (count < steps || told.has(once)) continue;
      told.add(once);
      const target = targetRatio === undefined ? "what can be meant" : targetRatio.toFixed(2);
      alarms.push({ type: "alarm", step, code, message: message(ratio.toFixed(2), target) });
    }
    return alarms;
  };
}

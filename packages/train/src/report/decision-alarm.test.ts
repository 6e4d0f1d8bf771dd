import { describe, expect, it } from "vitest";
import { decisionAlarm } from "./decision-alarm.js";
import { stepEvent } from "./example-events.js";
import type { AlarmEvent, StepEvent } from "./training-event.js";

const blank = 20;
const ramp = 240;
const solidify = 140;

/** Target of a retrofit to CR 4 at a step, from 1. */
const targetAt = (step: number) => 1 + 3 * Math.min(1, Math.max(0, step - blank) / ramp);
const stageAt = (step: number) => (step <= blank ? "blank" : step <= blank + ramp ? "ramp" : "solidify");

/** Alarms of a run whose ratio is a function of step and target; none in the blank stage. */
function alarmsOf(ratioAt: (step: number, target: number) => number, changes: Partial<StepEvent> = {}): AlarmEvent[] {
  const alarm = decisionAlarm();
  return Array.from({ length: blank + ramp + solidify }, (_, i) => i + 1).flatMap((step) => {
    const stage = stageAt(step);
    const [targetRatio, ratio] = stage === "blank" ? [] : [targetAt(step), ratioAt(step, targetAt(step))];
    return alarm(stepEvent({ step, stage, targetRatio, ratio, ...changes }));
  });
}

const told = (alarms: readonly AlarmEvent[]) => alarms.map(({ step, code }) => `${code} ${step}`);
/** The ratio follows the target with a lag. */
const lagging = (steps: number) => (step: number) => targetAt(step - steps);
const noise = (step: number) => 1 + 0.15 * Math.sin(step * 12.9898);

describe("decisionAlarm", () => {
  it("is silent where the ratio follows its target, with the lag and noise of a sound run", () => {
    expect(alarmsOf((_, target) => target)).toEqual([]);
    expect(alarmsOf((step, target) => target * noise(step))).toEqual([]);
    expect(alarmsOf((step) => lagging(30)(step) * noise(step))).toEqual([]);
    expect(alarmsOf((step) => 1.3 * lagging(10)(step))).toEqual([]);
  });

  it("tells of decisions that collapse, after 5 steps, once in each stage", () => {
    const alarms = alarmsOf((step, target) => (step < 100 ? target : 60));
    expect(told(alarms)).toEqual(["decisions-collapsed 104", "decisions-collapsed 261"]);
    expect(alarms[0]?.message).toMatch(/^The ratio is 60.00, far above 2.05: .*model.from.*learning rate/);
    expect(told(alarmsOf((step, target) => (step === 100 ? 512 : target)))).toEqual([]);
  });

  it("knows a collapse without a target by what is left: less than 2 % of the tokens", () => {
    expect(told(alarmsOf(() => 51, { targetRatio: undefined, ratio: 51, stage: "x" }))).toEqual([
      "decisions-collapsed 5",
    ]);
    expect(alarmsOf(() => 1, { targetRatio: undefined, ratio: 49 })).toEqual([]);
  });

  it("tells of decisions that do not move once the target has passed 1.5, and that they lag behind", () => {
    const alarms = told(alarmsOf(() => 1.02));
    expect(alarms).toEqual(["decisions-stuck 80", "ratio-behind 98", "decisions-stuck 261", "ratio-behind 261"]);
  });

  it("tells of a lag of more than a quarter over 50 steps", () => {
    expect(told(alarmsOf((_, target) => Math.max(1, 0.7 * target)))).toEqual(["ratio-behind 96", "ratio-behind 261"]);
    // a good step among 50 bad ones is a sign of life
    expect(alarmsOf((step, target) => (step % 40 === 0 ? 1 : 0.7) * target)).toEqual([]);
  });

  it("says nothing of runs without decisions", () => {
    expect(alarmsOf(() => 1, { ratio: undefined, targetRatio: undefined })).toEqual([]);
  });
});

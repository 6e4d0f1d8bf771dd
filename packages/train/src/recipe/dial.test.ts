import { describe, expect, it } from "vitest";
import { type DialSettings, dialStages, shortestRamp, withGivenStages } from "./dial.js";

const small: DialSettings = { method: "dmc", cr: 4, parameters: 4e6, tokensPerStep: 4096, steps: 500 };

describe("dialStages", () => {
  it("divides a small budget 5 : 60 : 35, and decays over the second half of the last stage", () => {
    expect(dialStages(small)).toEqual({ blank: 25, ramp: 300, solidify: 175, decaySteps: 87 });
  });

  it.each([0, 1, 2, 3, 7, 19, 1000])("uses up a budget of %i steps", (steps) => {
    const { blank, ramp, solidify } = dialStages({ ...small, steps });
    expect(blank + ramp + solidify).toBe(steps);
    expect(Math.min(blank, ramp, solidify)).toBeGreaterThanOrEqual(0);
  });

  it("takes 100 steps for each +1.0 where there is no budget", () => {
    expect(dialStages({ ...small, steps: undefined }).ramp).toBe(300);
    expect(dialStages({ ...small, steps: undefined, cr: 2 }).ramp).toBe(100);
  });

  it("takes more steps when a step has few tokens, not fewer when it has many", () => {
    expect(dialStages({ ...small, steps: undefined, tokensPerStep: 1024 }).ramp).toBe(1200);
    expect(dialStages({ ...small, steps: undefined, tokensPerStep: 65_536 }).ramp).toBe(300);
  });

  it("takes the paper's 44,000 steps for 8x on a large model, and a quarter of a thousand to blank", () => {
    const stages = dialStages({ ...small, cr: 8, parameters: 7e9, steps: undefined });
    expect(stages).toEqual({ blank: 250, ramp: 42_000, solidify: 2000, decaySteps: 2000 });
  });

  it("takes the paper's schedule for a budget that holds it, whatever the model", () => {
    expect(dialStages({ ...small, cr: 2, steps: 8250 })).toEqual({
      blank: 250,
      ramp: 6000,
      solidify: 2000,
      decaySteps: 2000,
    });
    expect(dialStages({ ...small, cr: 2, steps: 8249 }).ramp).toBe(4949);
  });

  it("never gives DMS the schedule of DMC's paper", () => {
    expect(dialStages({ ...small, method: "dms", parameters: 7e9, steps: undefined }).ramp).toBe(300);
    expect(dialStages({ ...small, method: "dms", steps: 100_000 }).ramp).toBe(60_000);
  });
});

describe("withGivenStages", () => {
  const dial = dialStages(small);

  it("shares what is left in the dial's proportions", () => {
    expect(withGivenStages(dial, { blank: 50 }, 500)).toEqual({ blank: 50, ramp: 284, solidify: 166, decaySteps: 82 });
    expect(withGivenStages(dial, { blank: 0, solidify: 100 }, 500)).toMatchObject({ ramp: 400 });
  });

  it("keeps the others where there is no budget", () => {
    expect(withGivenStages(dial, { ramp: 600 }, undefined)).toMatchObject({ blank: 25, ramp: 600, solidify: 175 });
  });

  it("refuses stages that do not fit", () => {
    expect(withGivenStages(dial, { ramp: 501 }, 500)).toBeUndefined();
    expect(withGivenStages(dial, { blank: 1, ramp: 2, solidify: 3 }, 7)).toBeUndefined();
    expect(withGivenStages(dial, { blank: 1, ramp: 2, solidify: 3 }, 6)).toMatchObject({ decaySteps: 1 });
  });

  it("gives the rest to the last stage when the dial had nothing to share", () => {
    const none = dialStages({ ...small, steps: 0 });
    expect(withGivenStages(none, { blank: 1 }, 5)).toMatchObject({ blank: 1, ramp: 0, solidify: 4 });
  });
});

it("knows the ramp that was seen to be followed", () => {
  expect(shortestRamp(4, 4096)).toBe(240);
  expect(shortestRamp(4, 2048)).toBe(480);
  expect(shortestRamp(4, 1e6)).toBe(240);
});

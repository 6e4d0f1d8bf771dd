import { describe, expect, it } from "vitest";
import { blankingFactor } from "./blanking-factor.js";
import { ratioSchedule, targetPart } from "./ratio-schedule.js";

describe("ratioSchedule", () => {
  it("rises linearly and stays", () => {
    const ratio = ratioSchedule({ from: 2, to: 4, steps: 100 });
    expect([-5, 0, 25, 100, 1000].map(ratio)).toEqual([2, 2, 2.5, 4, 4]);
    expect(ratioSchedule({ to: 4, steps: 0 })(0)).toBe(4);
  });

  it("lets the part of merges rise linearly", () => {
    const ratio = ratioSchedule({ to: 8, steps: 700, rises: "merges" });
    for (const [step, expected] of [
      [0, 1],
      [400, 2],
      [600, 4],
      [700, 8],
      [900, 8],
    ] as const) {
      expect(ratio(step)).toBeCloseTo(expected, 10);
    }
    expect(ratioSchedule({ from: 2, to: 4, steps: 0, rises: "merges" })(0)).toBe(4);
  });

  it("gives each doubling as many steps", () => {
    const ratio = ratioSchedule({ to: 8, steps: 300, rises: "doublings" });
    for (const [step, expected] of [
      [0, 1],
      [100, 2],
      [200, 4],
      [300, 8],
      [900, 8],
    ] as const) {
      expect(ratio(step)).toBeCloseTo(expected, 10);
    }
  });

  it.each([
    { to: 0.5, steps: 10 },
    { to: Number.NaN, steps: 10 },
    { from: 0, to: 2, steps: 10 },
    { to: 2, steps: -1 },
  ])("refuses %o", (options) => expect(() => ratioSchedule(options)).toThrow("at least 1"));

  it("asks for the part of tokens that gives the ratio", () => {
    expect([1, 2, 4].map(targetPart)).toEqual([0, 0.5, 0.75]);
    expect(() => targetPart(0.9)).toThrow("at least 1");
  });
});

describe("blankingFactor", () => {
  it("falls to 0 over four fifths of the stage", () => {
    expect([0, 40, 80, 100].map((step) => blankingFactor(step, 100))).toEqual([1, 0.5, 0, 0]);
    expect(blankingFactor(0, 0)).toBe(0);
  });
});

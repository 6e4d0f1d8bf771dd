import { describe, expect, it } from "vitest";
import { learningRateFactor } from "./learning-rate.js";

const base = { warmupSteps: 4, decaySteps: 5, minimum: 0.1 };

describe("learningRateFactor", () => {
  it.each(["constant", "cosine", "wsd"] as const)("%s rises linearly over the warm-up", (kind) => {
    const factors = [0, 1, 2, 3].map((step) => learningRateFactor({ ...base, kind }, step, 100));
    expect(factors).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it("stays where it is when constant", () => {
    expect(learningRateFactor({ ...base, kind: "constant" }, 99, 100)).toBe(1);
  });

  it("follows a half cosine to the minimum", () => {
    const schedule = { ...base, kind: "cosine" } as const;
    expect(learningRateFactor(schedule, 52, 100)).toBeCloseTo(0.55, 10);
    expect(learningRateFactor(schedule, 100, 100)).toBeCloseTo(0.1, 10);
  });

  it("falls in the last steps only, to just above the minimum at the last one", () => {
    const schedule = { ...base, kind: "wsd" } as const;
    expect(learningRateFactor(schedule, 95, 100)).toBe(1);
    expect(learningRateFactor(schedule, 97, 100)).toBeCloseTo(0.1 + 0.9 * 0.6, 10);
    expect(learningRateFactor(schedule, 99, 100)).toBeCloseTo(0.1 + 0.9 * 0.2, 10);
  });
});

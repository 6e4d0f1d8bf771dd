import { chooseBackend } from "@kvfold/core";
import { beforeAll, describe, expect, it } from "vitest";
import { logisticNoise } from "./logistic-noise.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

const context = { seed: 7, step: 3, layer: 1, sequence: 0 };
const draw = (shape: [number, number, number], own: Partial<typeof context> = {}) =>
  logisticNoise(shape, { ...context, ...own }).dataSync<"float32">();

describe("logisticNoise", () => {
  it("has the distribution of a difference of two Gumbel samples", () => {
    const count = 8 * 8 * 4096;
    const samples = draw([8, 8, 4096]).slice().sort();
    const mean = samples.reduce((sum, x) => sum + x, 0) / count;
    const variance = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
    const standardError = Math.sqrt(Math.PI ** 2 / 3 / count);
    expect(Math.abs(mean)).toBeLessThan(5 * standardError);
    expect(Math.abs(variance / (Math.PI ** 2 / 3) - 1)).toBeLessThan(0.02);
    for (const p of [0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999]) {
      const quantile = samples[Math.floor(p * count)] as number;
      const part = 1 / (1 + Math.exp(-quantile));
      expect(Math.abs(part - p), `quantile ${p}`).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / count));
    }
    // Kolmogorov and Smirnov: 1.95 / sqrt(n) is passed by a true sample in 999 of 1,000 cases
    const distance = samples.reduce((far, x, i) => Math.max(far, Math.abs(1 / (1 + Math.exp(-x)) - i / count)), 0);
    expect(distance).toBeLessThan(1.95 / Math.sqrt(count));
  });

  it("is the same for the same place, whatever the split of the step", () => {
    const whole = draw([6, 2, 33]);
    expect(draw([6, 2, 33])).toEqual(whole);
    const parts = [0, 2, 4].flatMap((sequence) => [...draw([2, 2, 33], { sequence })]);
    expect(Float32Array.from(parts)).toEqual(whole);
  });

  it.each([
    ["seed", { seed: 8 }],
    ["step", { step: 4 }],
    ["layer", { layer: 2 }],
    ["sequence", { sequence: 1 }],
    ["seed beyond 32 bits", { seed: 7 + 2 ** 32 }],
  ])("is independent of that of another %s", (_name, own) => {
    const [a, b] = [draw([1, 8, 8192]), draw([1, 8, 8192], own)];
    expect(Math.abs(correlation(a, b))).toBeLessThan(5 / Math.sqrt(a.length));
    // nor is it the same stream at another place
    const known = new Set(a);
    const shared = b.reduce((count, x) => count + (known.has(x) ? 1 : 0), 0);
    expect(shared / b.length).toBeLessThan(0.02);
  });

  it("neighbouring tokens, heads and steps are uncorrelated", () => {
    const a = draw([1, 64, 1024]);
    for (const lag of [1, 2, 1024]) {
      expect(Math.abs(correlation(a.subarray(lag), a.subarray(0, -lag)))).toBeLessThan(5 / Math.sqrt(a.length));
    }
    const steps = Float32Array.from({ length: 20_000 }, (_, step) => draw([1, 1, 1], { step })[0] as number);
    expect(Math.abs(correlation(steps.subarray(1), steps.subarray(0, -1)))).toBeLessThan(5 / Math.sqrt(steps.length));
    const mean = steps.reduce((sum, x) => sum + x, 0) / steps.length;
    expect(Math.abs(mean)).toBeLessThan((5 * Math.PI) / Math.sqrt(3 * steps.length));
  });
});

function correlation(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum / a.length / (Math.PI ** 2 / 3);
}

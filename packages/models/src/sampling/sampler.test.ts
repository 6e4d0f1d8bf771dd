import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argMax, candidates, logSumExp, mostLikely, penaliseRepetition } from "./candidates.js";
import { logProbabilities } from "./log-probabilities.js";
import { Sampler } from "./sampler.js";

const logitsOf = fc
  .array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((x) => Float32Array.from(x));
const all = { temperature: 1, topK: Number.POSITIVE_INFINITY, topP: 1, minP: 0 };

describe("candidates", () => {
  it("are all tokens with their probabilities when there is no filter", () => {
    fc.assert(
      fc.property(logitsOf, fc.double({ min: 0.1, max: 3, noNaN: true }), (logits, temperature) => {
        const { ids, probabilities } = candidates(logits, { ...all, temperature });
        expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        expect(ids).toHaveLength(logits.length);
        const norm = logSumExp(Float64Array.from(logits, (x) => x / temperature));
        for (const [i, id] of ids.entries()) {
          expect(probabilities[i]).toBeCloseTo(Math.exp((logits[id] as number) / temperature - norm), 5);
        }
      }),
    );
  });

  it("top-k keeps the k largest, equal ones by id", () => {
    fc.assert(
      fc.property(logitsOf, fc.integer({ min: 1, max: 70 }), (logits, k) => {
        const expected = [...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
        expect([...mostLikely(logits, Math.min(k, logits.length))]).toEqual(expected.slice(0, k));
      }),
    );
  });

  it("top-p keeps the smallest set that reaches p", () => {
    fc.assert(
      fc.property(logitsOf, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (logits, topP) => {
        const every = candidates(logits, all).probabilities.sort().reverse();
        const kept = candidates(logits, { ...all, topP }).ids.length;
        const mass = (n: number) => every.subarray(0, n).reduce((a, b) => a + b, 0);
        expect(mass(kept)).toBeGreaterThanOrEqual(topP - 1e-9);
        if (kept > 1) expect(mass(kept - 1)).toBeLessThan(topP + 1e-9);
      }),
    );
  });

  it("filters together leave what they leave one after the other, most likely first, and sum to 1", () => {
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(logitsOf, fc.integer({ min: 1, max: 70 }), share, share, (logits, topK, topP, minP) => {
        const temperature = 0.7;
        const order = [...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
        const weight = (id: number) =>
          Math.exp(((logits[id] as number) - (logits[order[0] as number] as number)) / temperature);
        const top = order.slice(0, topK);
        const total = top.reduce((sum, id) => sum + weight(id), 0);
        let reached = 0;
        const nucleus = top.filter((id) => {
          const wanted = reached < topP * total - 1e-9;
          reached += weight(id);
          return wanted;
        });
        const expected = nucleus.filter((id, i) => i === 0 || weight(id) >= minP);
        const { ids, probabilities } = candidates(logits, { temperature, topK, topP, minP });
        expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        // At the very edge of the nucleus rounding may decide.
        expect(Math.abs(ids.length - expected.length)).toBeLessThanOrEqual(1);
        const both = Math.min(ids.length, expected.length);
        expect([...ids.subarray(0, both)]).toEqual(expected.slice(0, both));
      }),
    );
  });

  it("min-p drops what is below its share of the best", () => {
    const { ids } = candidates(Float32Array.from([0, Math.log(0.5), Math.log(0.1)]), { ...all, minP: 0.2 });
    expect([...ids]).toEqual([0, 1]);
  });

  it("repetition penalty follows the sign, once a token", () => {
    expect([...penaliseRepetition(Float32Array.from([2, -2, 1]), [0, 1, 0], 2)]).toEqual([1, -4, 1]);
  });
});

describe("Sampler", () => {
  it("is greedy at temperature 0, lowest id among equals", () => {
    fc.assert(
      fc.property(logitsOf, (logits) => {
        expect(new Sampler().next(logits, [])).toBe(argMax(logits));
      }),
    );
    expect(new Sampler().next(Float32Array.from([1, 3, 3]), [])).toBe(1);
  });

  it("repeats itself with the same seed", () => {
    const logits = Float32Array.from({ length: 50 }, (_, i) => Math.sin(i));
    const draw = (seed: number) => {
      const sampler = new Sampler({ temperature: 1, seed });
      return Array.from({ length: 40 }, () => sampler.next(logits, []));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("draws with the right frequencies (chi-square, 5 cells, 0.1 % level)", () => {
    const weights = [0.4, 0.3, 0.15, 0.1, 0.05];
    const sampler = new Sampler({ temperature: 1, seed: 1 });
    const logits = Float32Array.from(weights, Math.log);
    const counts = weights.map(() => 0);
    const draws = 20000;
    for (let i = 0; i < draws; i++) {
      const token = sampler.next(logits, []);
      counts[token] = (counts[token] ?? 0) + 1;
    }
    const chiSquare = weights.reduce((sum, w, i) => sum + ((counts[i] as number) - w * draws) ** 2 / (w * draws), 0);
    expect(chiSquare).toBeLessThan(18.47);
  });

  it("refuses logits that are no numbers instead of drawing from them", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const temperature of [0, 1]) {
        const logits = Float32Array.from([1, bad, 2]);
        expect(() => new Sampler({ temperature }).next(logits, [])).toThrow(/logits are not finite/);
      }
    }
    const masked = Float32Array.from([Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY]);
    expect(new Sampler({ temperature: 1 }).next(masked, [])).toBe(1);
  });

  it.each([
    { temperature: -1 },
    { topK: 0 },
    { topP: 0 },
    { topP: 1.5 },
    { minP: 2 },
    { repetitionPenalty: 0 },
    { seed: 0.5 },
    { temperature: Number.NaN },
  ])("refuses %j", (options) => expect(() => new Sampler(options)).toThrow(/must be .*; got/));
});

it("log-probabilities sum to 1 over the vocabulary", () => {
  const logits = Float32Array.from([1, 2, 3, -1]);
  const { logProbability, alternatives } = logProbabilities(logits, 1, 4);
  expect(alternatives.map((a) => a.token)).toEqual([2, 1, 0, 3]);
  expect(alternatives.reduce((sum, a) => sum + Math.exp(a.logProbability), 0)).toBeCloseTo(1, 6);
  expect(logProbability).toBe(alternatives[1]?.logProbability);
});

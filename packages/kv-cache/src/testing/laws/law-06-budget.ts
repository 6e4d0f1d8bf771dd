import type { Law } from "../law.js";
import type { LawRun } from "../law-run.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 6: a budget is never exceeded between calls. */
export const budgetLaw: Law = {
  number: 6,
  title: "a budget is never exceeded between calls, nor what estimate() says; the peak is reported",
  check: async (subject) => {
    const { budget } = subject;
    if (budget === undefined) return { notApplicable: "the policy promises no budget" };
    return overCases(subject, { cases: 4, seed: 6000 }, (bench) => {
      const run = bench.run();
      const violations: string[] = [];
      while (run.remaining.some((left) => left > 0)) {
        const size = bench.random.next() < 0.6 ? 1 : 2 + Math.floor(bench.random.next() * 6);
        run.feed(run.remaining.map((left) => Math.min(left, size)));
        violations.push(...overBudget(bench, run, budget));
      }
      return violations;
    });
  },
};

function overBudget(bench: Bench, run: LawRun, budget: number): string[] {
  const { layers, queryHeads, kvHeads, headDim } = bench.case;
  const stats = run.cache.stats();
  return stats.layers.flatMap(({ layer, entries, tokens, peakEntries }) => {
    const most = Math.max(...entries.flat());
    const total = entries.flat().reduce((a, b) => a + b, 0);
    const shape = { layer, layers, queryHeads, kvHeads, headDim };
    const planned = tokens.reduce((sum, count) => sum + bench.policy.estimate(count, shape).entries, 0);
    return [
      ...(most > budget ? [`a lane of layer ${layer} holds ${most} entries, its budget is ${budget}`] : []),
      ...(total > planned ? [`layer ${layer} holds ${total} entries, estimate() said ${planned}`] : []),
      ...(peakEntries < total ? [`layer ${layer} reports a peak of ${peakEntries} and holds ${total} entries`] : []),
    ];
  });
}

import { compareLanes, compareOutputs } from "../compare-outputs.js";
import type { Law } from "../law.js";
import { anyTraits } from "../law-case.js";
import type { LawRun } from "../law-run.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 1: prefill in any chunking equals decoding token by token. */
export const chunkingLaw: Law = {
  number: 1,
  title: "prefill in any chunking equals decoding token by token",
  check: async (subject) => {
    if (anyTraits(subject).some(({ chunking }) => chunking === "defines")) {
      return { notApplicable: "chunks are part of the policy's definition" };
    }
    return overCases(subject, { cases: 4, seed: 1000 }, (bench) => {
      const prompt = Math.min(...bench.case.lengths) - 2;
      const decoded = bench.run();
      readPrompt(decoded, new Array(prompt).fill(1));
      decoded.finish();
      const ways: [string, () => LawRun][] = [
        ["whole prompt", () => readInChunks(bench, [prompt], () => 1)],
        [
          "random chunks",
          () => readInChunks(bench, split(bench, prompt), () => 1 + Math.floor(bench.random.next() * 5)),
        ],
        ["prompt, then all the rest", () => readInChunks(bench, [prompt], () => 1000)],
      ];
      return ways.flatMap(([way, read]) => {
        const run = read();
        return [
          ...bench.case.lengths.flatMap((_, row) =>
            compareOutputs(`${way}, row ${row}`, run.outputs(row), decoded.outputs(row)),
          ),
          ...lanesOf(bench, run).flatMap((lanes, i) =>
            compareLanes(`${way}, layer ${i}`, lanes, lanesOf(bench, decoded)[i] ?? []),
          ),
        ];
      });
    });
  },
};

/** Reads the prompt of every row in these chunks, then each row on in chunks of its own sizes. */
function readInChunks(bench: Bench, promptChunks: readonly number[], next: () => number): LawRun {
  const run = bench.run();
  readPrompt(run, promptChunks);
  while (run.remaining.some((left) => left > 0)) run.feed(run.remaining.map((left) => Math.min(left, next())));
  return run;
}

function readPrompt(run: LawRun, chunks: readonly number[]): void {
  chunks.forEach((size, i) => {
    run.feed(
      run.remaining.map(() => size),
      i === chunks.length - 1,
    );
  });
}

function split(bench: Bench, total: number): number[] {
  const sizes: number[] = [];
  for (let left = total; left > 0; left -= sizes.at(-1) as number) {
    sizes.push(Math.min(left, 1 + Math.floor(bench.random.next() * 4)));
  }
  return sizes;
}

function lanesOf(bench: Bench, run: LawRun): (readonly number[])[] {
  return Array.from({ length: bench.case.layers }, (_, i) => run.cache.layer(i).laneLengths());
}

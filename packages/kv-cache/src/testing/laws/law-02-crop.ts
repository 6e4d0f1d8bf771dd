import { KvfoldError } from "@kvfold/core";
import { compareOutputs } from "../compare-outputs.js";
import type { Law } from "../law.js";
import type { LawRun } from "../law-run.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 2: `crop(n)` then replay equals a fresh run; `reset()` equals fresh. */
export const cropLaw: Law = {
  number: 2,
  title:
    "crop(n), then replay, equals a fresh run where the policy can return; elsewhere it throws; reset() equals fresh",
  check: (subject) =>
    overCases(subject, { cases: 3, seed: 2000 }, (bench) => {
      const fresh = bench.run();
      fresh.finish();
      const compare = (what: string, run: LawRun) =>
        bench.case.lengths.flatMap((_, row) =>
          compareOutputs(`${what}, row ${row}`, run.outputs(row), fresh.outputs(row)),
        );
      const replay = (what: string, run: LawRun, to: readonly number[]) => {
        run.cache.crop(to);
        run.rewind(to);
        run.finish();
        return compare(what, run);
      };
      const run = bench.run();
      const early = bench.case.lengths.map((length) => Math.floor(length / 3));
      const late = bench.case.lengths.map((length) => Math.floor((2 * length) / 3));
      run.feed(early);
      // a policy whose chunks matter is compared token by token
      run.cache.reset();
      run.rewind(early.map(() => 0));
      feedOneByOne(run, early);
      run.cache.checkpoint();
      feedOneByOne(
        run,
        late.map((n, row) => n - (early[row] ?? 0)),
      );
      run.cache.checkpoint();
      run.finish();
      return [
        ...compare("after reset", run),
        ...replay("crop to the later checkpoint", run, late),
        ...replay("crop to the earlier checkpoint", run, early),
        ...replay(
          "crop to 0",
          run,
          early.map(() => 0),
        ),
        ...elsewhere(bench, run, replay),
      ];
    }),
};

/** Positions without a checkpoint: lossless policies go there, the others refuse and name the nearest position. */
function elsewhere(
  bench: Bench,
  run: LawRun,
  replay: (what: string, run: LawRun, to: readonly number[]) => string[],
): string[] {
  const to = bench.case.lengths.map((length) => Math.floor(length / 2));
  if (bench.run([]).cache.lossless) return replay("crop anywhere", run, to);
  try {
    run.cache.crop(to);
  } catch (error) {
    if (!KvfoldError.isInstance(error) || error.code !== "cache-crop") throw error;
    return error.message.includes("nearest restorable position")
      ? []
      : [`crop's refusal does not help: ${error.message}`];
  }
  return ["crop to a position that is gone did not throw"];
}

function feedOneByOne(run: LawRun, counts: readonly number[]): void {
  for (let t = 0; counts.some((count) => t < count); t++) run.feed(counts.map((count) => (t < count ? 1 : 0)));
}

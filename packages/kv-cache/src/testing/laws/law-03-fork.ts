import { liveBytesOf } from "../../kv-cache.js";
import { compareOutputs } from "../compare-outputs.js";
import type { Law } from "../law.js";
import { overCases } from "../over-cases.js";

/** Law 3: after `fork()`, neither cache sees the other; what both hold is shared. */
export const forkLaw: Law = {
  number: 3,
  title: "after fork() neither cache sees the other, and what both hold is counted once",
  check: (subject) =>
    overCases(subject, { cases: 3, seed: 3000, adapt: (c) => ({ ...c, lengths: [10, 10] }) }, (bench) => {
      const halfway = (run: ReturnType<typeof bench.run>) => {
        for (let t = 0; t < 5; t++) run.feed([1, 1]);
        return run;
      };
      const alone = halfway(bench.run());
      const turned = halfway(bench.run());
      const other = turned.branch(turned.cache, [1, 0]);
      alone.finish();
      other.finish();
      const left = halfway(bench.run());
      const right = left.branch(bench.track(left.cache.fork()), [1, 0]);
      const violations: string[] = [];
      const [one, both] = [left.cache.liveBytes, liveBytesOf([left.cache, right.cache])];
      if (both !== one) violations.push(`a fork that nobody has written to costs ${both - one} bytes`);
      for (let t = 0; t < 3; t++) {
        right.feed([1, 1]);
        left.feed([1, 1]);
      }
      right.finish();
      right.cache.dispose();
      left.finish();
      return [
        ...violations,
        ...[0, 1].flatMap((row) => compareOutputs(`original, row ${row}`, left.outputs(row), alone.outputs(row))),
        ...[0, 1].flatMap((row) => compareOutputs(`fork, row ${row}`, right.outputs(row), other.outputs(row))),
      ];
    }),
};

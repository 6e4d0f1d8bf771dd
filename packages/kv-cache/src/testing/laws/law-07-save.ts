import { decodeCache } from "../../files/decode-cache.js";
import { encodeCache } from "../../files/encode-cache.js";
import { compareOutputs } from "../compare-outputs.js";
import type { Law } from "../law.js";
import { overCases } from "../over-cases.js";

/** Law 7: save, load, continue equals continue. */
export const saveLaw: Law = {
  number: 7,
  title: "save, load, continue equals continue",
  check: (subject) =>
    overCases(subject, { cases: 3, seed: 7000 }, async (bench) => {
      const run = bench.run();
      run.feed(bench.case.lengths.map((length) => Math.floor(length / 3)));
      run.feed(run.remaining.map((_, row) => (row === 0 ? 2 : 1)));
      const bytes = await encodeCache(run.cache);
      const loaded = bench.track(decodeCache(bytes, { policy: bench.policy, store: bench.store }));
      const violations =
        loaded.liveBytes === run.cache.liveBytes
          ? []
          : [`the loaded cache holds ${loaded.liveBytes} bytes in place of ${run.cache.liveBytes}`];
      const again = run.branch(loaded);
      again.finish();
      run.finish();
      return [
        ...violations,
        ...bench.case.lengths.flatMap((_, row) =>
          compareOutputs(`continued from the file, row ${row}`, again.outputs(row), run.outputs(row)),
        ),
      ];
    }),
};

import { compareOutputs } from "../compare-outputs.js";
import { causalAttention } from "../host-attention.js";
import type { Law } from "../law.js";
import { overCases } from "../over-cases.js";

/** Law 9: all decisions "append" equals the full cache, minus a declared channel; CR = 1. */
export const allAppendLaw: Law = {
  number: 9,
  title: "all decisions 'append' equals plain attention over all tokens, minus a declared channel; CR = 1",
  check: async (subject) => {
    const { allAppend } = subject;
    if (allAppend === undefined) return { notApplicable: "no options make the policy keep every token" };
    return overCases({ ...subject, policy: allAppend }, { cases: 4, seed: 9000 }, (bench) => {
      const { layers, queryHeads, kvHeads, headDim } = bench.case;
      const run = bench.run();
      run.feed(bench.case.lengths.map(() => 4));
      run.feed(run.remaining.map((left, row) => (row === 0 ? left : 1)));
      run.finish();
      const { entries, compressionRatio } = run.cache.stats();
      const tokens = bench.case.lengths.reduce((a, b) => a + b, 0);
      return [
        ...(entries === tokens * layers * kvHeads && compressionRatio === 1
          ? []
          : [`${entries} entries of ${tokens} tokens, CR ${compressionRatio}`]),
        ...bench.texts.flatMap((text, row) => {
          const expected = text.flatMap((tokens, layer) => {
            const { traits } = bench.policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim });
            return causalAttention(tokens, bench.case, bench.case.borrowed ?? traits.borrowed);
          });
          return compareOutputs(`row ${row}`, run.outputs(row), expected, bench.codedTolerance);
        }),
      ];
    });
  },
};

import * as tf from "@tensorflow/tfjs-core";
import { trainingAttention } from "../../training-attention.js";
import { compareOutputs } from "../compare-outputs.js";
import type { TextTokens } from "../draw-texts.js";
import type { Law } from "../law.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 10: a training form with hard decisions equals decoding over the compacted cache. */
export const trainingLaw: Law = {
  number: 10,
  title: "the training form with hard decisions, two documents in a row, equals decoding each",
  check: async (subject) => {
    const policy = subject.hardTraining ?? subject.policy;
    const layers = subject.layers ?? 2;
    const shape = { queryHeads: 2, kvHeads: 1, headDim: 4 };
    const trains = Array.from(
      { length: layers },
      (_, layer) => policy().forLayer({ layer, layers, ...shape }).training,
    );
    if (trains.some((form) => form === undefined)) return { notApplicable: "the policy has no training form" };
    return overCases(
      { ...subject, policy },
      { cases: 4, seed: 10_000, adapt: (c) => ({ ...c, lengths: [c.lengths[0] as number, 8] }) },
      (bench) => {
        const run = bench.run();
        run.finish();
        const trained = Array.from({ length: layers }, (_, layer) => train(bench, layer));
        return [0, 1].flatMap((row) => {
          const [start, count] = row === 0 ? [0, bench.case.lengths[0]] : [bench.case.lengths[0], 8];
          const own = trained.flatMap((outputs) => outputs.slice(start, (start as number) + (count as number)));
          return compareOutputs(`document ${row}`, own, run.outputs(row), bench.codedTolerance);
        });
      },
    );
  },
};

/** Output of the training form for each token of both texts, one row. */
function train(bench: Bench, layer: number): Float32Array[] {
  const { layers, queryHeads, kvHeads, headDim, lengths, window, borrowed } = bench.case;
  const texts = bench.texts.map((text) => text[layer] as TextTokens);
  const tokens = lengths.reduce((a, b) => a + b, 0);
  const out = tf.tidy(() => {
    const joined = (part: "q" | "k" | "v", heads: number) =>
      tf.concat(
        texts.map((text) => tf.tensor4d(text[part], [1, heads, text.tokens, headDim])),
        2,
      ) as tf.Tensor4D;
    const attended = trainingAttention(bench.policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim }), {
      q: joined("q", queryHeads),
      k: joined("k", kvHeads),
      v: joined("v", kvHeads),
      documents: Int32Array.from({ length: tokens }, (_, t) => (t < (lengths[0] ?? 0) ? 0 : 1)),
      ...(bench.rope ? { rope: bench.rope } : {}),
      ...(window === undefined ? {} : { window }),
      ...(borrowed ? { borrowed } : {}),
    });
    return tf.reshape(tf.transpose(attended.out, [0, 2, 1, 3]), [tokens, queryHeads * headDim]).arraySync();
  });
  return (out as number[][]).map((numbers) => Float32Array.from(numbers));
}

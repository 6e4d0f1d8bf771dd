import { compareOutputs } from "../compare-outputs.js";
import type { Law } from "../law.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 4: a row alone equals the same row in any batch, whoever joins, leaves, pauses or changes places. */
export const batchLaw: Law = {
  number: 4,
  title: "a row alone equals the same row in any batch: row subsets, ragged steps, addRows, selectRows",
  check: (subject) =>
    overCases(subject, { cases: 3, seed: 4000, adapt: (c) => ({ ...c, lengths: [...c.lengths, 9, 12] }) }, (bench) => {
      const chunks = bench.case.lengths.map((length) => chunkSizes(bench, length));
      const alone = bench.case.lengths.map((_, text) => {
        const run = bench.run([text]);
        for (const size of chunks[text] as number[]) run.feed([size]);
        return run.outputs(0);
      });
      // rows[i] = text that row i reads; the batch starts with some of the texts
      let rows = bench.case.lengths.map((_, text) => text).slice(0, -2);
      const run = bench.run(rows);
      const read = rows.map(() => 0);
      const step = () => {
        const takes = rows.map(
          (text, row) => bench.random.next() < 0.7 && (read[row] ?? 0) < (chunks[text]?.length ?? 0),
        );
        run.feed(rows.map((text, row) => (takes[row] ? (chunks[text]?.[read[row] ?? 0] ?? 0) : 0)));
        takes.forEach((took, row) => {
          if (took) read[row] = (read[row] ?? 0) + 1;
        });
      };
      const select = (kept: number[]) => {
        run.select(kept);
        rows = kept.map((row) => rows[row] as number);
        read.splice(0, read.length, ...kept.map((row) => read[row] as number));
      };
      const join = (text: number) => {
        run.add([text]);
        rows.push(text);
        read.push(0);
      };
      for (let i = 0; i < 3; i++) step();
      join(bench.case.lengths.length - 2);
      for (let i = 0; i < 3; i++) step();
      select(rows.map((_, row) => rows.length - 1 - row)); // the other way round
      join(bench.case.lengths.length - 1);
      for (let i = 0; i < 2; i++) step();
      select([...rows.map((_, row) => row), 0]); // a copy of row 0
      for (let i = 0; i < 3; i++) step();
      select(rows.map((_, row) => row).slice(1)); // row 0 leaves, its copy stays
      while (rows.some((text, row) => (read[row] ?? 0) < (chunks[text]?.length ?? 0))) step();
      return rows.flatMap((text, row) =>
        compareOutputs(
          `text ${text} in row ${row} of a changing batch`,
          run.outputs(row),
          alone[text] as Float32Array[],
        ),
      );
    }),
};

/** A text in chunks: mostly single tokens, some of 2 to 5. */
function chunkSizes(bench: Bench, length: number): number[] {
  const sizes: number[] = [];
  for (let left = length; left > 0; left -= sizes.at(-1) as number) {
    const size = bench.random.next() < 0.6 ? 1 : 2 + Math.floor(bench.random.next() * 4);
    sizes.push(Math.min(left, size));
  }
  return sizes;
}

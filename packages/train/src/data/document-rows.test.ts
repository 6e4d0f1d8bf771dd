import { describe, expect, it } from "vitest";
import type { BatchRow } from "./batch-row.js";
import { documentRows } from "./document-rows.js";
import { memoryStream, randomStream } from "./test-stream.js";
import type { TokenStream } from "./token-stream.js";

function rowOf(rows: ReturnType<typeof documentRows>, number: number, length: number): BatchRow {
  const row = { tokens: new Int32Array(length), labels: new Int32Array(length), documents: new Int32Array(length) };
  rows.fill(number, row);
  return row;
}

/** The pairs of token and label that a document teaches. */
function pairsOf(stream: TokenStream, trained: number): string[] {
  const tokens = new Int32Array(trained);
  stream.read(0, tokens);
  const pairs: string[] = [];
  for (let i = 1; i < trained; i++) if (tokens[i] !== 0) pairs.push(`${tokens[i - 1]} ${tokens[i]}`);
  return pairs.sort();
}

function scoredPairs({ tokens, labels }: BatchRow): string[] {
  return [...tokens].flatMap((token, i) => ((labels[i] as number) < 0 ? [] : [`${token} ${labels[i]}`]));
}

describe("documentRows", () => {
  it("holds whole documents, cuts only longer ones, and scores no padding", () => {
    const stream = memoryStream(Int32Array.of(0, 1, 2, 0, 3, 4, 5, 6, 7, 8, 0, 9, 0, 0, 10), 20);
    const rows = documentRows({ stream, trained: 14 }, 5, 1);
    const all = [0, 1, 2].map((number) => rowOf(rows, number, 5));
    const byTokens = all.sort((a, b) => (a.tokens[1] as number) - (b.tokens[1] as number));
    expect(byTokens.map(({ tokens }) => [...tokens])).toEqual([
      [0, 1, 2, 7, 8],
      [0, 3, 4, 5, 6],
      [0, 9, 0, 0, 0],
    ]);
    expect(byTokens.map(({ labels }) => [...labels])).toEqual([
      [1, 2, -1, 8, -1],
      [3, 4, 5, 6, 7],
      [9, -1, -1, -1, -1],
    ]);
    expect(byTokens.map(({ documents }) => [...documents])).toEqual([
      [0, 0, 0, 1, 1],
      [0, 0, 0, 0, 0],
      [0, 0, 1, 1, 1],
    ]);
  });

  it("reads every pair of tokens once an epoch, each epoch in its own order, and leaves little room", () => {
    const stream = randomStream(4, 20_000, 150);
    const rows = documentRows({ stream, trained: 19_000 }, 64, 9);
    const pairs = pairsOf(stream, 19_000);
    let next = 0;
    const epoch = () => {
      const read: BatchRow[] = [];
      for (let scored = 0; scored < pairs.length; scored += scoredPairs(read.at(-1) as BatchRow).length)
        read.push(rowOf(rows, next++, 64));
      return read;
    };
    const [first, second] = [epoch(), epoch()];
    expect(first.flatMap(scoredPairs).sort()).toEqual(pairs);
    expect(second.flatMap(scoredPairs).sort()).toEqual(pairs);
    expect(first.length).toBeLessThan((19_000 / 64) * 1.01);
    expect(second).not.toEqual(first);
    expect(rowOf(rows, 3, 64)).toEqual(first[3]);
  });

  it("refuses a text without a document of two tokens", () => {
    expect(() => documentRows({ stream: memoryStream(new Int32Array(9), 20), trained: 9 }, 4, 0)).toThrow(
      "hold no document of two tokens",
    );
  });
});

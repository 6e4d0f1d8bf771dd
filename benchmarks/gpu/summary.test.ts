import { expect, it } from "vitest";

interface Bar {
  readonly title: string;
  readonly text?: string;
  readonly met?: boolean;
}
const { parseResults, summarize, summaryText } = (await import(new URL("./summary.mjs", import.meta.url).href)) as {
  parseResults(text: string): object[];
  summarize(results: object[]): { bars: Bar[] };
  summaryText(summary: object): string;
};

const depths = [512, 1195, 1877, 2560].map((depth) => ({ depth, milliseconds: { median: depth / 100 } }));
const llama = (cr: number, tokensPerSecond: number, limit: number | null, batch = 48) => ({
  ...{ kind: "7b", cr, limit, batch, tokensPerSecond, depths },
  ...{ boundTokensPerSecond: tokensPerSecond * 1.1, percentOfBound: 100 / 1.1 },
});
const results: object[] = [
  { kind: "about", about: { commit: "abc" } },
  { kind: "ceiling", what: "matrix products, bf16", teraflops: 800 },
  llama(1, 2000, 80e9),
  { kind: "7b-peer", engine: "Hugging Face transformers", cr: 1, batch: 24, tokensPerSecond: 900 },
  llama(8, 12_000, 80e9, 380),
  llama(1, 4000, null, 90),
  llama(1, 1500, null, 24),
  { kind: "training", tokensPerSecond: 110_000, mfuOfMeasuredPeak: 0.25 },
  { kind: "training-peer", engine: "PyTorch eager, SDPA", tokensPerSecond: 100_000 },
];
const barOf = (all: object[], title: string) => summarize(all).bars.find((bar) => bar.title.startsWith(title));

it("puts the 7B shape and training beside their bars", () => {
  expect(barOf(results, "7B-shape throughput at the largest batch, CR 1")).toMatchObject({ text: "90.9 %", met: true });
  expect(barOf(results, "7B-shape throughput at the largest batch, CR 4")?.text).toBeUndefined();
  expect(barOf(results, "the same, CR 8 / CR 1, 80 GB")).toMatchObject({ text: "6.00 x", met: true });
  expect(barOf(results, "training")).toMatchObject({ text: "1.10 x", met: true });
  expect(barOf(results.slice(0, -1), "training")?.met).toBeUndefined();
});

it("compares with transformers at its own batch only", () => {
  expect(barOf(results, "CR 1 vs HF")).toMatchObject({ text: "1.67 x", met: true });
  const without = results.filter((result) => (result as { batch?: number; kind: string }).batch !== 24);
  expect(barOf(without, "CR 1 vs HF")?.text).toBeUndefined();
});

it("shows them as text, and leaves out lines that were cut off", () => {
  const lines = `${results.map((result) => JSON.stringify(result)).join("\n")}\n{"kind":"7b","cr`;
  const text = summaryText(summarize(parseResults(lines)));
  expect(text).toContain("| CR 8 | 80 GB | 380 | 12000 | 13200 | 90.9 | 5.1, 11.9, 18.8, 25.6 |");
  expect(text).toContain("Hugging Face transformers, batch 24: 900 tokens/s");
  expect(text).toContain("training, kvfold: 110000 tokens/s, 25.0 % of the measured peak");
  expect(text).toContain("matrix products, bf16 800 TFLOP/s");
});

import { expect, it } from "vitest";

const bounds = (await import(new URL("./bounds.mjs", import.meta.url).href)) as {
  leastStepMs(
    work: { bytes: number; parameters: number; batch: number },
    ceilings: { readGBs: number; matrixTflops: number },
  ): number;
  integrate(points: readonly (readonly [number, number])[]): number;
  fourDepths(prompt: number, generated: number): number[];
  pagesOf(entries: readonly number[], slots: number): number;
  largestBatch(memory: { limit: number; fixed: number; each: number; slack?: number }): number;
  utilisation(work: { flopsPerToken: number; tokensPerSecond: number }, ceilings: { matrixTflops: number }): number;
};
const { matrixParameters, shapes } = (await import(new URL("./shapes.mjs", import.meta.url).href)) as {
  matrixParameters(config: Record<string, number>): number;
  shapes: Record<string, Record<string, unknown>>;
};

it("bounds a step by what is read, or by what is multiplied", () => {
  const ceilings = { readGBs: 4000, matrixTflops: 800 };
  // 13.2 GB of weights and 4 GB of entries at 4 TB/s
  expect(bounds.leastStepMs({ bytes: 17.2e9, parameters: 6.6e9, batch: 1 }, ceilings)).toBeCloseTo(4.3);
  expect(bounds.leastStepMs({ bytes: 17.2e9, parameters: 6.6e9, batch: 1000 }, ceilings)).toBeCloseTo(16.5);
});

it("integrates over depths that are evenly spread", () => {
  expect(bounds.fourDepths(512, 2048)).toEqual([512, 1195, 1877, 2560]);
  // milliseconds that grow with the depth: exact for a straight line
  const points = bounds.fourDepths(512, 2048).map((depth) => [depth, 5 + depth / 100] as const);
  expect(bounds.integrate(points)).toBeCloseTo(2048 * (5 + (512 + 2560) / 200));
});

it("plans the largest batch", () => {
  expect(bounds.pagesOf([0, 1, 16, 17], 16)).toBe(4);
  expect(bounds.largestBatch({ limit: 80e9, fixed: 14e9, each: 1.34e9, slack: 0 })).toBe(49);
  expect(bounds.largestBatch({ limit: 80e9, fixed: 14e9, each: 1.34e9 })).toBe(47);
  expect(bounds.largestBatch({ limit: 10e9, fixed: 14e9, each: 1 })).toBe(0);
});

it("counts what training makes of the device", () => {
  const work = { flopsPerToken: 1e9, tokensPerSecond: 400_000 };
  expect(bounds.utilisation(work, { matrixTflops: 800 })).toBeCloseTo(0.5);
});

it("counts the parameters of the real models", () => {
  const of = (shape: Record<string, unknown> = {}) =>
    matrixParameters({
      hiddenSize: shape.hidden_size as number,
      intermediateSize: shape.intermediate_size as number,
      layers: shape.num_hidden_layers as number,
      queryHeads: shape.num_attention_heads as number,
      kvHeads: shape.num_key_value_heads as number,
      headDim: (shape.hidden_size as number) / (shape.num_attention_heads as number),
      vocabSize: shape.vocab_size as number,
    });
  expect(of(shapes["7b"])).toBe(6_607_077_376); // 6,738,415,616 without embedding (131,072,000) and norms (266,240)
  expect(of(shapes["135m"])).toBe(134_479_872); // 134,515,008 without norms (35,136); head and embedding are one
});

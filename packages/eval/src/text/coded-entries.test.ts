import { readFileSync } from "node:fs";
import { chooseBackend } from "@kvfold/core";
import { pagePath, plainPath } from "@kvfold/demo-model";
import { dmcDefinition } from "@kvfold/dmc";
import { parsePolicy, policyTable } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateRecall } from "../recall/evaluate-recall.js";
import { evaluateText, type TextResult } from "./evaluate-text.js";

/** Sources of the native backend, which this package must not depend on: used where they lie beside it. */
const native = new URL("../../../kernels-cpu/src/index.ts", import.meta.url).href;
const missing = await import(/* @vite-ignore */ native).then(
  ({ probe }) => (probe() as { reason?: string }).reason,
  (error: Error) => error.message,
);

const policies = ["full", "tova:budget=64", "dmc:threshold=0.002"].map((spec) =>
  parsePolicy(spec, [...policyTable, dmcDefinition()]),
);

describe.skipIf(missing !== undefined)(`entries in fewer bits, on native (${missing ?? "which is here"})`, () => {
  let model: LanguageModel;
  let tokens: Int32Array;
  let plain: TextResult[];
  beforeAll(async () => {
    await tf.setBackend("native");
    model = await loadLocalModel(plainPath);
    tokens = model.tokenizer.encode(readFileSync(pagePath, "utf8")).slice(0, 128);
    plain = await evaluateText({ model, tokens, policies });
  });
  afterAll(() => model?.dispose());

  it.each([
    { codec: "bf16", share: 0.55, apart: 0.002 },
    { codec: "int8", share: 0.32, apart: 0.005 },
  ])("$codec costs little quality and takes $share of the bytes at most", async ({ codec, share, apart }) => {
    const coded = await evaluateText({ model, tokens, policies, codec });
    for (const [i, result] of coded.entries()) {
      const before = plain[i] as TextResult;
      expect(Math.abs(Math.log(result.perplexity / before.perplexity))).toBeLessThan(apart);
    }
    const [full, fullBefore] = [coded[0], plain[0]] as [TextResult, TextResult];
    expect(full.entries).toBe(fullBefore.entries);
    expect(full.liveBytes / fullBefore.liveBytes).toBeLessThan(share);
    expect(full.byteRatio).toBeGreaterThan(0.9 / share);
    // compared with the full cache in float32
    expect(fullBefore.kld).toBe(0);
    expect(full.kld).toBeGreaterThan(0);
    expect(full.kld).toBeLessThan(1e-3);
  });

  it("recalls and generates through coded entries", async () => {
    const options = { model, policies: policies.slice(0, 1), facts: [1], distances: [0] };
    const [[f32], [bf16]] = [await evaluateRecall(options), await evaluateRecall({ ...options, codec: "bf16" })];
    expect(bf16?.recall).toBeCloseTo(f32?.recall as number, 1);
    expect((bf16?.liveBytes as number) / (f32?.liveBytes as number)).toBeLessThan(0.6);
    const text = (codec: string) => model.generate("It was a dark evening when", { codec, maxTokens: 8 }).result();
    const [exact, coded] = [await text("f32"), await text("bf16")];
    expect(coded.rows[0]?.text).toBe(exact.rows[0]?.text);
    expect(coded.stats.cache.liveBytes).toBeLessThan(exact.stats.cache.liveBytes);
  });
});

it("is refused where the backend has no such store, with the remedy", async () => {
  await chooseBackend({ prefer: "wasm" });
  using model = await loadLocalModel(plainPath);
  await expect(evaluateText({ model, tokens: [1, 2, 3], policies, codec: "bf16" })).rejects.toThrow(
    /'bf16' needs a backend whose store has it.*npm install @kvfold\/kernels-cpu/,
  );
  await expect(model.generate("a", { codec: "bf16" }).result()).rejects.toThrow(/'bf16' needs a backend/);
});

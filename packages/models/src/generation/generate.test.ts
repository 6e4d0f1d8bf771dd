import { chooseBackend } from "@kvfold/core";
import { sharedPath, skipReason } from "@kvfold/core/testing";
import { dmc } from "@kvfold/dmc";
import { full, h2o, tova, window } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LanguageModel } from "../language-model.js";
import { loadLocalModel } from "../load-model.js";

const path = sharedPath("models/stories260K");

describe.skipIf(path === undefined)(`generate (${path ? "stories260K" : skipReason("models/stories260K")})`, () => {
  let model: LanguageModel;
  beforeAll(async () => {
    await chooseBackend({ prefer: "wasm" });
    model = await loadLocalModel(path as string);
  });
  afterAll(() => model.dispose());

  it("tells a story, and its pieces join to the text", async () => {
    const before = tf.memory().numTensors;
    const generation = model.generate("Once upon a time", { maxTokens: 40 });
    let text = "";
    for await (const { text: piece } of generation) text += piece;
    const { rows, stats } = await generation.result();
    expect(rows[0]?.text).toBe(text);
    expect(text).toContain("there was a little girl named Lily");
    expect(rows[0]?.finish).toBe("length");
    expect(stats.generatedTokens).toBe(40);
    expect(stats.cache.tokens).toBe(stats.promptTokens + 39);
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 8);
  });

  it("a batch gives what its rows give alone", async () => {
    const prompts = ["Once upon a time", "The dog", "Lily and Tom went to the park. They saw"];
    const options = { maxTokens: 20 };
    const batch = await model.generate(prompts, options).result();
    for (const [i, prompt] of prompts.entries()) {
      const alone = await model.generate(prompt, options).result();
      expect(batch.rows[i]?.tokens).toEqual(alone.rows[0]?.tokens);
    }
  });

  it.each([
    full(),
    window({ sinks: 2, recent: 14 }),
    h2o({ budget: 16 }),
    tova({ budget: 16 }),
    dmc({ threshold: 0.01 }),
  ])("runs under $name in any prompt chunking that its definition allows", async (policy) => {
    const prompt = "Once upon a time, there was a little boy named Tim. He had a big red ball and";
    const run = async (prefillChunk: number) =>
      (await model.generate(prompt, { policy, maxTokens: 12, prefillChunk }).result()).rows[0]?.tokens;
    expect(await run(512)).toHaveLength(12);
    if (policy.forLayer({ layer: 0, layers: 5, queryHeads: 8, kvHeads: 4, headDim: 8 }).traits.chunking === "exact") {
      expect(await run(5)).toEqual(await run(512));
    }
  });

  it("stops at a stop string, which is not shown", async () => {
    const { rows } = await model.generate("Once upon a time", { maxTokens: 80, stop: ["named"] }).result();
    expect(rows[0]?.finish).toBe("stop");
    expect(rows[0]?.text).not.toContain("named");
    expect(rows[0]?.text.endsWith("girl ")).toBe(true);
  });

  it("reports log-probabilities that agree with the scored text", async () => {
    const { rows } = await model.generate("The cat", { maxTokens: 10 }).result();
    const generation = model.generate("The cat", { maxTokens: 10, logProbabilities: 2 });
    const reported: number[] = [];
    for await (const { token, logProbability, alternatives } of generation) {
      reported.push(logProbability as number);
      expect(alternatives?.[0]?.token).toBe(token);
      expect(alternatives).toHaveLength(2);
    }
    const prompt = model.tokenizer.encode("The cat");
    const scored = await model.logLikelihood([...prompt, ...(rows[0]?.tokens ?? [])]);
    reported.forEach((logProbability, i) => {
      expect(logProbability).toBeCloseTo(scored[prompt.length - 1 + i] as number, 4);
    });
  });

  it("same seed, same text; another seed, another", async () => {
    const run = async (seed: number) =>
      (await model.generate("One day", { maxTokens: 25, temperature: 1, seed }).result()).rows[0]?.text;
    expect(await run(3)).toBe(await run(3));
    expect(await run(3)).not.toBe(await run(4));
  });

  it("continues a kept cache", async () => {
    using cache = model.createCache(full());
    const first = await model.generate("Once upon a time", { maxTokens: 10, cache }).result();
    const tokens = first.rows[0]?.tokens as number[];
    const next = await model.generate([tokens[9] as number], { maxTokens: 10, cache }).result();
    const whole = await model.generate("Once upon a time", { maxTokens: 20 }).result();
    expect([...tokens, ...(next.rows[0]?.tokens ?? [])]).toEqual(whole.rows[0]?.tokens);
  });

  it("ends when asked to, keeping what there is", async () => {
    const controller = new AbortController();
    const generation = model.generate("Once upon a time", { maxTokens: 50, signal: controller.signal });
    let count = 0;
    for await (const _ of generation) if (++count === 5) controller.abort();
    const { rows } = await generation.result();
    expect(rows[0]?.finish).toBe("abort");
    expect(rows[0]?.tokens).toHaveLength(5);
  });

  it("refuses what it cannot do", () => {
    expect(() => model.generate([], {})).toThrow(/Prompt 0 is empty/);
    expect(() => model.generate("a", { maxTokens: 0 })).toThrow(/maxTokens/);
    expect(() => model.generate("a", { topP: 2 })).toThrow(/topP/);
    using cache = model.createCache(full(), { rows: 2 });
    expect(() => model.generate("a", { cache })).toThrow(/2 rows/);
    expect(() => model.generate("a", { cache, codec: "bf16" })).toThrow(/either a cache or a codec/);
  });
});

import { readFileSync } from "node:fs";
import { chooseBackend } from "@kvfold/core";
import { pagePath, plainPath } from "@kvfold/demo-model";
import { dmcDefinition } from "@kvfold/dmc";
import { type CachePolicy, full, parsePolicy, policyTable } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { evaluateText } from "./evaluate-text.js";

const count = 80; // two spans, the second one decoded and timed
const policies = ["full", "window:recent=12", "h2o:budget=16", "dmc:threshold=0.002", "window:recent=500"].map((spec) =>
  parsePolicy(spec, [...policyTable, dmcDefinition()]),
);
let model: LanguageModel;
let tokens: Int32Array;
beforeAll(async () => {
  await chooseBackend();
  model = await loadLocalModel(plainPath);
  tokens = model.tokenizer.encode(readFileSync(pagePath, "utf8")).slice(0, count);
});
afterAll(() => model.dispose());

/** The definition, token by token, with nothing shared but the model. */
async function decodeAll(policy: CachePolicy): Promise<tf.Tensor2D> {
  using cache = model.createCache(policy);
  const rows = [...tokens].map((token) => model.forward(cache, [[token]]) as tf.Tensor2D);
  return tf.logSoftmax(tf.concat(rows, 0)) as tf.Tensor2D;
}

describe("evaluateText", { timeout: 60_000 }, () => {
  it("gives what decoding token by token and the definitions give", async () => {
    const results = await evaluateText({ model, tokens, policies });
    const reference = tf.slice(await decodeAll(full()), [0, 0], [count - 1, -1]);
    const labels = tf.tensor1d(tokens.subarray(1), "int32");
    const best = tf.argMax(reference, 1);
    for (const [i, policy] of policies.entries()) {
      const chances = tf.slice(await decodeAll(policy), [0, 0], [count - 1, -1]);
      const right = tf.sum(tf.mul(chances, tf.oneHot(labels, model.config.vocabSize)), 1);
      const kld = tf.mean(tf.sum(tf.mul(tf.exp(reference), tf.sub(reference, chances)), 1));
      const agree = tf.mean(tf.cast(tf.equal(tf.argMax(chances, 1), best), "float32"));
      const result = results[i];
      expect(result?.policy).toBe(policy.name);
      expect(result?.perplexity).toBeCloseTo(Math.exp(-(tf.mean(right).dataSync()[0] as number)), 2);
      expect(result?.kld).toBeCloseTo(kld.dataSync()[0] as number, 4);
      expect(result?.top1Agreement).toBeCloseTo(agree.dataSync()[0] as number, 5);
    }
  });

  it("counts every token, and entries, bytes and speed as the cache has them", async () => {
    const [all, window, h2o, dmc, wide] = await evaluateText({ model, tokens, policies });
    const lanes = model.config.layers * model.config.kvHeads;
    expect(all).toMatchObject({ kld: 0, top1Agreement: 1, tokens: count, entries: count * lanes, compressionRatio: 1 });
    const entryBytes = 2 * model.config.headDim * 4;
    // a native store allocates pages of 16 entries and counts its lists of them
    expect(all?.liveBytes).toBeGreaterThanOrEqual(count * lanes * entryBytes);
    expect(all?.liveBytes).toBeLessThanOrEqual(1.05 * (count + 15) * lanes * entryBytes);
    expect(window).toMatchObject({ tokens: count, entries: 16 * lanes, compressionRatio: count / 16 });
    expect(h2o).toMatchObject({ tokens: count, entries: 16 * lanes });
    expect(h2o?.kld).toBeGreaterThan(0);
    expect(dmc?.compressionRatio).toBeGreaterThan(1.5);
    expect(wide?.kld).toBeLessThan(1e-6);
    expect(wide?.perplexity).toBeCloseTo(all?.perplexity as number, 3);
    for (const result of [all, window, h2o, dmc]) expect(result?.tokensPerSecond).toBeGreaterThan(0);
  });

  it("reports progress up to the end and leaves no tensor behind, also when it is stopped", async () => {
    const before = tf.memory().numTensors;
    const seen: number[] = [];
    await evaluateText({
      model,
      tokens,
      policies: policies.slice(0, 2),
      onProgress: (done, total) => seen.push(done / total),
    });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const stop = new AbortController();
    const stopped = evaluateText({ model, tokens, policies, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow(/abort/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses texts without anything to score, and no policies", async () => {
    await expect(evaluateText({ model, tokens: [5], policies })).rejects.toThrow(
      "A text of 1 tokens has nothing to score",
    );
    await expect(evaluateText({ model, tokens, policies: [] })).rejects.toThrow("at least one policy");
  });

  it("counts exactly the entries' bytes where the reference store holds them", async () => {
    const before = tf.getBackend();
    onTestFinished(async () => void (await tf.setBackend(before)));
    await chooseBackend({ prefer: "wasm" });
    using onWasm = await loadLocalModel(plainPath);
    const [all] = await evaluateText({ model: onWasm, tokens: tokens.subarray(0, 40), policies: [full()] });
    const { layers, kvHeads, headDim } = onWasm.config;
    expect(all?.liveBytes).toBe(40 * layers * kvHeads * 2 * headDim * 4);
    expect(all?.byteRatio).toBe(1);
  });
});

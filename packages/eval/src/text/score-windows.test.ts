import { readFileSync } from "node:fs";
import { chooseBackend } from "@kvfold/core";
import { pagePath, plainPath } from "@kvfold/demo-model";
import { full, window } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scoreWindows } from "./score-windows.js";

let model: LanguageModel;
let tokens: Int32Array;
beforeAll(async () => {
  await chooseBackend();
  model = await loadLocalModel(plainPath);
  tokens = model.tokenizer.encode(readFileSync(pagePath, "utf8")).slice(0, 150);
});
afterAll(() => model.dispose());

describe("scoreWindows", () => {
  it("scores each window alone, and the rest of the text, too", async () => {
    const scored = await scoreWindows({ model, policy: full(), tokens, window: 64 });
    const before = tf.memory().numTensors;
    await scoreWindows({ model, policy: full(), tokens, window: 64 });
    expect(tf.memory().numTensors).toBe(before);
    const parts = [tokens.subarray(0, 64), tokens.subarray(64, 128), tokens.subarray(128)];
    const each = await Promise.all(parts.map((part) => model.logLikelihood(part)));
    const means = each.map((scores) => -scores.reduce((a, b) => a + b, 0) / scores.length);
    for (const [i, value] of scored.nats.entries()) expect(value).toBeCloseTo(means[i] as number, 5);
    const all = each.flatMap((scores) => [...scores]);
    expect(scored.perplexity).toBeCloseTo(Math.exp(-all.reduce((a, b) => a + b, 0) / all.length), 3);
    expect(scored.compressionRatio).toBe(1);
  });

  it("reports what a policy keeps", async () => {
    const scored = await scoreWindows({ model, policy: window({ sinks: 1, recent: 15 }), tokens, window: 64 });
    expect(scored.compressionRatio).toBeCloseTo(150 / (3 * 16), 5);
    expect(scored.byteRatio).toBeGreaterThan(1.2);
  });

  it("refuses texts with nothing to score", async () => {
    const refused = scoreWindows({ model, policy: full(), tokens: tokens.subarray(0, 1), window: 64 });
    await expect(refused).rejects.toThrow("at least 2 tokens");
  });
});

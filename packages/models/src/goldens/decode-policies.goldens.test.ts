import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath, useBackend } from "@kvfold/core/testing";
import { type CachePolicy, h2o, type KvCache, tova, window } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emulatedCuda } from "../../test/emulated-cuda.js";
import type { Decoder } from "../decoder/decoder.js";
import { goldenDecoder, goldenRows, largestDifference } from "./golden-model.js";

/** Absolute tolerance on logits that the goldens' README states. */
const tolerance = 1e-4;

interface Budgets {
  h2o: { heavy: number; recent: number };
  tova: { budget: number };
  streaming: { sinks: number; recent: number };
  sliding: { window: number };
}

interface Index {
  budgets: Budgets;
  models: Record<string, GoldenModel>;
}

interface GoldenModel {
  model: string;
  file: string;
  prompt_tokens: number;
  cases: Record<string, { policy: string; prefill: "stepwise" | "parallel"; first_recorded_position: number }>;
}

const folder = goldensPath("hf") as string;
const index = JSON.parse(readFileSync(join(folder, "decode-policies/index.json"), "utf8")) as Index;

/** Both models, and prompts of one of them on the emulated device, which is slow. */
const runs = Object.entries(index.models).flatMap(([name, model]) =>
  ["wasm", ...(name === "llama-gqa" ? emulatedCuda : [])].map((backend) => [name, backend, model] as const),
);

describe.each(runs)("%s on %s", (_name, backend, model) => {
  const cases = Object.entries(model.cases).filter(([, { prefill }]) => backend !== "cuda" || prefill === "parallel");
  let decoder: Decoder;
  let golden: SafetensorsFile;

  beforeAll(async () => {
    await useBackend(backend);
    golden = openSafetensors(join(folder, "decode-policies", model.file));
    decoder = goldenDecoder(join(folder, "models", model.model));
  });
  afterAll(() => {
    decoder.dispose();
    golden.close();
  });

  it.each(cases)("%s", (name, { policy, prefill, first_recorded_position: first }) => {
    const [ids = []] = goldenRows(golden, "input_ids");
    const kept = golden.read(`${name}.kept`) as Uint8Array;
    const [, layers = 0, heads = 0, slots = 0] = golden.entry(`${name}.kept`).shape;
    using cache = decoder.createCache(policyOf(policy, prefill, index.budgets));
    const logits: tf.Tensor[] = [];
    const calls =
      prefill === "parallel"
        ? [ids.slice(0, model.prompt_tokens), ...single(ids.slice(model.prompt_tokens))]
        : single(ids);
    for (const call of calls) {
      const out = decoder.forward(cache, [call], { endOfPrefill: true });
      const position = (cache.tokens[0] as number) - 1;
      if (position >= model.prompt_tokens - 1) logits.push(out);
      const step = position - first;
      if (step < 0) continue;
      for (let layer = 0; layer < layers; layer++) {
        for (let head = 0; head < heads; head++) {
          const start = ((step * layers + layer) * heads + head) * slots;
          const wanted = [...kept.subarray(start, start + slots)].filter((p) => p !== 255);
          expect(positionsOf(cache, layer, head), `position ${position}, layer ${layer}, head ${head}`).toEqual(wanted);
        }
      }
    }
    expect(largestDifference(tf.concat(logits, 0), golden, `${name}.logits`)).toBeLessThan(tolerance);
    const scores = `${name}.final_scores`;
    if (!golden.tensors.has(scores)) return;
    const found = Array.from({ length: layers }, (_, layer) => context(cache, layer).column("mass"));
    expect(largestDifference(tf.concat(found, 0), golden, scores)).toBeLessThan(tolerance);
  });
});

function single(ids: readonly number[]): number[][] {
  return ids.map((id) => [id]);
}

function policyOf(name: string, prefill: "stepwise" | "parallel", budgets: Budgets): CachePolicy {
  const [family, evict] = name.split(".") as [string, "before" | "after" | undefined];
  if (family === "h2o") return h2o(budgets.h2o);
  if (family === "tova") return tova(budgets.tova);
  const size = family === "sliding" ? { sinks: 0, recent: budgets.sliding.window } : budgets.streaming;
  const mode = prefill === "parallel" ? ("full" as const) : undefined;
  return window({
    ...size,
    positions: family === "streaming-reindexed" ? "reindexed" : "original",
    evict: evict ?? "before",
    ...(mode ? { prefill: mode } : {}),
  });
}

function context(cache: KvCache, layer: number) {
  return cache.layer(layer).context({ rows: [0], tokens: 1, lengths: [1], starts: [0] });
}

function positionsOf(cache: KvCache, layer: number, head: number): number[] {
  const position = context(cache, layer).column("position");
  return [...tf.slice(position, [0, head, 0], [1, 1, -1]).dataSync()];
}

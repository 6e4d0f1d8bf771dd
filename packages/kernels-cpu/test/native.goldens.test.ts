// The models' goldens on the native backend: logits and greedy tokens of transformers for every family.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath, sharedPath, skipReason } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import { Decoder, loadDecoderWeights, loadLocalModel, openHfFolder, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

beforeAll(async () => {
  await tf.setBackend("native");
});

const folder = goldensPath("hf/models") as string;
const { cases } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
  cases: Record<string, { dir: string }>;
};

describe.each(Object.entries(cases))("%s on native", (_, { dir }) => {
  const path = join(folder, dir);

  it("gives the logits of every position and the greedy continuation", () => {
    using golden = opened(join(path, "golden.safetensors"));
    using decoder = decoderOf(path);
    const ids = rowsOf(golden.file, "input_ids");
    using whole = decoder.createCache(full(), ids.length);
    const logits = tf.tidy(() => decoder.forward(whole, ids, { logits: "all" }).dataSync<"float32">());
    expect(furthest(logits, golden.file.readFloat32("logits"))).toBeLessThan(1e-4);

    const cached = golden.file.tensors.has("greedy_cached.tokens") ? "greedy_cached.tokens" : "greedy.tokens";
    const [wanted = []] = rowsOf(golden.file, cached);
    using cache = decoder.createCache(full());
    let next = ids[0] as number[];
    const found = wanted.map(() => {
      const token = tf.tidy(() => tf.argMax(decoder.forward(cache, [next]), -1).dataSync()[0] as number);
      next = [token];
      return token;
    });
    expect(found).toEqual(wanted);
  });
});

const smolName = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
const smol = sharedPath(smolName);
const smolGoldens = goldensPath("smollm2") ?? sharedPath("goldens/smollm2");
/** `npm run test:goldens` runs every prompt, `npm test` two. */
const everything = (import.meta as { env?: { MODE?: string } }).env?.MODE === "goldens";
const missing = smol === undefined ? smolName : smolGoldens === undefined ? "goldens/smollm2" : undefined;

describe.skipIf(missing)(`SmolLM2-135M-Instruct on native${missing ? `: ${skipReason(missing)}` : ""}`, () => {
  it("continues greedily, as far as every margin is above rounding", async () => {
    using model = await loadLocalModel(smol as string);
    const greedy = JSON.parse(readFileSync(join(smolGoldens as string, "greedy.json"), "utf8")) as Record<
      string,
      { prompt_ids: number[]; tokens: number[]; margin: number[] }
    >;
    const prompts = Object.values(greedy);
    for (const { prompt_ids, tokens, margin } of everything ? prompts : prompts.slice(0, 2)) {
      const close = margin.findIndex((m) => m < 0.02);
      const sure = close < 0 ? tokens.length : close;
      const { rows } = await model.generate(prompt_ids, { maxTokens: tokens.length, ignoreEos: true }).result();
      expect(rows[0]?.tokens.slice(0, sure)).toEqual(tokens.slice(0, sure));
    }
  });
});

function decoderOf(path: string): Decoder {
  const config = parseConfig(JSON.parse(readFileSync(join(path, "config.json"), "utf8")));
  using source = openHfFolder(path);
  const name = "model.embed_tokens.weight";
  const embedding = tf.tensor2d(source.readFloat32(name), source.info(name).shape as [number, number]);
  return new Decoder(config, { ...loadDecoderWeights(source, config), embedding });
}

function opened(path: string): Disposable & { readonly file: SafetensorsFile } {
  const file = openSafetensors(path);
  return { file, [Symbol.dispose]: () => file.close() };
}

function rowsOf(golden: SafetensorsFile, name: string): number[][] {
  const n = golden.entry(name).shape.at(-1) as number;
  const all = [...(golden.read(name) as Int32Array)];
  return Array.from({ length: all.length / n }, (_, row) => all.slice(row * n, (row + 1) * n));
}

function furthest(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  expect(found.length).toBe(wanted.length);
  return Array.from(wanted, (w, i) => Math.abs(w - (found[i] as number))).reduce((a, b) => Math.max(a, b), 0);
}

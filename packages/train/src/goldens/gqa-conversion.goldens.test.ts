import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBackend, openSafetensors } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import { Decoder, loadDecoderWeights, openHfFolder, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { poolKvHeads } from "../method/pool-kv-heads.js";

/** Absolute tolerance on logits that the goldens' README states. */
const tolerance = 1e-4;

interface Index {
  readonly model: string;
  readonly file: string;
  readonly cases: Record<string, { kv_heads: number }>;
}

const folder = goldensPath("hf") as string;
const index = JSON.parse(readFileSync(join(folder, "gqa-conversion/index.json"), "utf8")) as Index;
const model = join(folder, "models", index.model);
const config = parseConfig(JSON.parse(readFileSync(join(model, "config.json"), "utf8")));

/** Largest absolute difference; NaN counts as infinite. */
function distance(found: Float32Array, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length);
  return found.reduce((max, x, i) => Math.max(max, Math.abs(x - (wanted[i] as number))), 0);
}

describe.each(Object.entries(index.cases))("gqa-conversion %s", (name, { kv_heads: kvHeads }) => {
  beforeAll(async () => {
    await chooseBackend({ prefer: "wasm" });
  });

  // torch sums a group in float32, the pooling here in float64: the last bits may differ
  it("pools every weight as the reference does", () => {
    using golden = openSafetensors(join(folder, "gqa-conversion", index.file));
    using source = openHfFolder(model);
    const pooled = poolKvHeads(source, config, kvHeads);
    const weights = [...golden.tensors.keys()].filter((key) => key.startsWith(`${name}.model.`));
    expect(weights.length).toBe(2 * config.layers);
    for (const key of weights) {
      const tensor = key.slice(name.length + 1);
      expect(pooled.info(tensor).shape).toEqual(golden.entry(key).shape);
      const wanted = golden.readFloat32(key);
      const largest = wanted.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      expect(distance(pooled.readFloat32(tensor), wanted)).toBeLessThanOrEqual(largest * 2 ** -23);
    }
    const rest = source.names().filter((tensor) => !golden.tensors.has(`${name}.${tensor}`));
    for (const tensor of rest) expect(pooled.readBytes(tensor)).toEqual(source.readBytes(tensor));
  });

  it("runs as a model of so many KV heads", () => {
    using golden = openSafetensors(join(folder, "gqa-conversion", index.file));
    using inputs = openSafetensors(join(model, "golden.safetensors"));
    using source = openHfFolder(model);
    const fewer = { ...config, kvHeads };
    using decoder = new Decoder(fewer, loadDecoderWeights(poolKvHeads(source, config, kvHeads), fewer));
    const [rows, tokens] = inputs.entry("input_ids").shape as [number, number];
    const ids = inputs.read("input_ids") as Int32Array;
    const prompt = Array.from({ length: rows }, (_, row) => ids.subarray(row * tokens, (row + 1) * tokens));
    using cache = decoder.createCache(full(), rows);
    const logits = tf.tidy(() => decoder.forward(cache, prompt, { logits: "all" }).dataSync<"float32">());
    expect(distance(logits, golden.readFloat32(`${name}.logits`))).toBeLessThan(tolerance);
  });
});

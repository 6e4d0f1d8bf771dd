import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBackend, inverseFrequencies, openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import type { Decoder } from "../decoder/decoder.js";
import { goldenDecoder, goldenRows, largestDifference } from "./golden-model.js";

/** Absolute tolerance on logits that the goldens' README states. */
const tolerance = 1e-4;

const folder = goldensPath("hf/models");
const index = JSON.parse(readFileSync(join(folder ?? "", "index.json"), "utf8")) as {
  cases: Record<string, { dir: string; ragged_lengths: number[]; rope_attention_scaling: number }>;
};

describe.each(Object.entries(index.cases))("%s", (_name, golden_) => {
  const path = join(folder as string, golden_.dir);
  let decoder: Decoder;
  let golden: SafetensorsFile;

  beforeAll(async () => {
    await chooseBackend({ prefer: "wasm" });
    golden = openSafetensors(join(path, "golden.safetensors"));
    decoder = goldenDecoder(path);
  });
  afterAll(() => {
    decoder.dispose();
    golden.close();
  });

  it.runIf(existsSync(join(path, "config.v5.json")))("config of transformers 5 means the same", () => {
    const json = (file: string) => JSON.parse(readFileSync(join(path, file), "utf8")) as unknown;
    expect(parseConfig(json("config.v5.json"))).toEqual(parseConfig(json("config.json")));
  });

  it("rotary frequencies", () => {
    const found = inverseFrequencies(decoder.config.rope, goldenRows(golden, "input_ids")[0]?.length);
    const wanted = golden.readFloat32("rope.inv_freq");
    expect(found.inverseFrequencies.length).toBe(wanted.length);
    wanted.forEach((frequency, i) => {
      expect(Math.abs((found.inverseFrequencies[i] as number) / frequency - 1)).toBeLessThan(1e-6);
    });
    expect(found.attentionScaling).toBeCloseTo(golden_.rope_attention_scaling, 6);
  });

  it("logits of every position, in one chunk and in two", () => {
    using cache = decoder.createCache(full(), 2);
    const rows = goldenRows(golden, "input_ids");
    const whole = decoder.forward(cache, rows, { logits: "all" });
    expect(largestDifference(whole, golden, "logits")).toBeLessThan(tolerance);
    if (decoder.config.rope.scaling.type === "dynamic") return; // its frequencies depend on the length of each call
    cache.reset();
    const parts = [0, 17].map((start, i) =>
      decoder.forward(
        cache,
        rows.map((row) => row.slice(start, i === 0 ? 17 : undefined)),
        { logits: "all" },
      ),
    );
    expect(largestDifference(tf.concat(parts, 1), golden, "logits")).toBeLessThan(tolerance);
  });

  it.runIf(index.cases[_name]?.dir === "llama-rope-dynamic")("short rows have plain rotation", () => {
    using cache = decoder.createCache(full(), 2);
    const rows = goldenRows(golden, "input_ids").map((row) => row.slice(0, golden.entry("short.logits").shape[1]));
    expect(largestDifference(decoder.forward(cache, rows, { logits: "all" }), golden, "short.logits")).toBeLessThan(
      tolerance,
    );
  });

  it("keys and values of the middle layer, as cached", () => {
    using cache = decoder.createCache(full());
    decoder.forward(cache, goldenRows(golden, "input_ids").slice(0, 1));
    const step = { rows: [0], tokens: 1, lengths: [1], starts: [0] };
    const held = cache.layer(1).context(step);
    expect(largestDifference(held.keys(), golden, "layer1.key")).toBeLessThan(tolerance);
    expect(largestDifference(held.values(), golden, "layer1.value")).toBeLessThan(tolerance);
  });

  it("rows of different lengths", () => {
    using cache = decoder.createCache(full(), 2);
    const mask = goldenRows(golden, "ragged.attention_mask");
    const rows = goldenRows(golden, "ragged.input_ids").map((ids, row) => ids.filter((_, i) => mask[row]?.[i] === 1));
    expect(rows.map((row) => row.length)).toEqual(golden_.ragged_lengths);
    expect(largestDifference(decoder.forward(cache, rows), golden, "ragged.next_logits")).toBeLessThan(tolerance);
  });

  it("greedy continuation through the cache", () => {
    const cached = golden.tensors.has("greedy_cached.tokens") ? "greedy_cached.tokens" : "greedy.tokens";
    const [wanted = []] = goldenRows(golden, cached);
    using cache = decoder.createCache(full());
    const found: number[] = [];
    let next = goldenRows(golden, "input_ids")[0] as number[];
    while (found.length < wanted.length) {
      const token = tf.tidy(() => tf.argMax(decoder.forward(cache, [next]), -1).dataSync()[0] as number);
      found.push(token);
      next = [token];
    }
    expect(found).toEqual(wanted);
  });
});

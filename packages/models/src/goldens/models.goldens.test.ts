import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBackend, openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import { Decoder } from "../decoder/decoder.js";
import { loadDecoderWeights } from "../decoder/load-decoder-weights.js";
import { openHfFolder } from "../weights/open-hf-folder.js";

/** Absolute tolerance on logits that the goldens' README states. */
const tolerance = 1e-4;

const folder = goldensPath("hf/models");
const index = JSON.parse(readFileSync(join(folder ?? "", "index.json"), "utf8")) as {
  cases: Record<string, { dir: string; ragged_lengths: number[] }>;
};

describe.each(Object.entries(index.cases))("%s", (_name, { dir, ragged_lengths }) => {
  const path = join(folder as string, dir);
  const json = (file: string) => JSON.parse(readFileSync(join(path, file), "utf8")) as unknown;
  let decoder: Decoder;
  let golden: SafetensorsFile;
  const rowsOf = (name: string): number[][] => {
    const [rows = 1, n = 0] = golden.entry(name).shape;
    const all = [...(golden.read(name) as Int32Array)];
    return Array.from({ length: rows }, (_, row) => all.slice(row * n, (row + 1) * n));
  };
  const worst = (found: tf.Tensor, name: string) => {
    const wanted = golden.readFloat32(name);
    const values = found.dataSync<"float32">();
    expect(values.length).toBe(wanted.length);
    return values.reduce((max, x, i) => Math.max(max, Math.abs(x - (wanted[i] as number))), 0);
  };

  beforeAll(async () => {
    await chooseBackend({ prefer: "wasm" });
    golden = openSafetensors(join(path, "golden.safetensors"));
    const config = parseConfig(json("config.json"), json("generation_config.json"));
    using source = openHfFolder(path);
    decoder = new Decoder(config, { ...loadDecoderWeights(source, config), embedding: embeddingTable(source) });
  });
  afterAll(() => {
    decoder.dispose();
    golden.close();
  });

  it.runIf(existsSync(join(path, "config.v5.json")))("config of transformers 5 means the same", () => {
    expect(parseConfig(json("config.v5.json"))).toEqual(parseConfig(json("config.json")));
  });

  it("logits of every position, in one chunk", () => {
    const cache = decoder.createCache(full(), 2);
    const logits = decoder.forward(cache, rowsOf("input_ids"), { logits: "all" });
    expect(worst(logits, "logits")).toBeLessThan(tolerance);
    cache.dispose();
  });

  it("rows of different lengths", () => {
    const cache = decoder.createCache(full(), 2);
    const mask = rowsOf("ragged.attention_mask");
    const rows = rowsOf("ragged.input_ids").map((ids, row) => ids.filter((_, i) => mask[row]?.[i] === 1));
    expect(rows.map((row) => row.length)).toEqual(ragged_lengths);
    expect(worst(decoder.forward(cache, rows), "ragged.next_logits")).toBeLessThan(tolerance);
    cache.dispose();
  });

  it("greedy continuation through the cache", () => {
    const cached = golden.tensors.has("greedy_cached.tokens") ? "greedy_cached.tokens" : "greedy.tokens";
    const wanted = [...(golden.read(cached) as Int32Array)];
    const cache = decoder.createCache(full());
    const found: number[] = [];
    let next = rowsOf("input_ids")[0] as number[];
    while (found.length < wanted.length) {
      const token = tf.tidy(() => tf.argMax(decoder.forward(cache, [next]), -1).dataSync()[0] as number);
      found.push(token);
      next = [token];
    }
    expect(found).toEqual(wanted);
    cache.dispose();
  });
});

/** The whole table on the device: the source is closed after loading. */
function embeddingTable(source: ReturnType<typeof openHfFolder>): tf.Tensor2D {
  const name = "model.embed_tokens.weight";
  return tf.tensor2d(source.readFloat32(name), source.info(name).shape as [number, number]);
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBackend, openSafetensors } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import { Decoder } from "../decoder/decoder.js";
import { loadDecoderWeights } from "../decoder/load-decoder-weights.js";
import { openHfFolder } from "../weights/open-hf-folder.js";
import type { TensorSource } from "../weights/tensor-source.js";
import { goldenRows, largestDifference } from "./golden-model.js";

/** Absolute tolerance on logits that the goldens' README states. */
const tolerance = 1e-4;

interface Index {
  readonly model: string;
  readonly file: string;
  readonly cases: Record<string, { kv_heads: number }>;
}

const folder = goldensPath("hf") as string;
const index = JSON.parse(readFileSync(join(folder, "gqa-conversion/index.json"), "utf8")) as Index;

/** A model whose key and value heads were mean-pooled runs as a GQA model of so many KV heads. */
describe.each(Object.entries(index.cases))("gqa-conversion %s", (name, { kv_heads }) => {
  beforeAll(async () => {
    await chooseBackend({ prefer: "wasm" });
  });

  it("logits", () => {
    const path = join(folder, "models", index.model);
    using pooled = openSafetensors(join(folder, "gqa-conversion", index.file));
    using inputs = openSafetensors(join(path, "golden.safetensors"));
    using source = openHfFolder(path);
    const json = JSON.parse(readFileSync(join(path, "config.json"), "utf8")) as Record<string, unknown>;
    const config = parseConfig({ ...json, num_key_value_heads: kv_heads });
    const replaced = (tensor: string) => `${name}.${tensor}`;
    const mixed: TensorSource = {
      ...source,
      info: (tensor) => {
        if (!pooled.tensors.has(replaced(tensor))) return source.info(tensor);
        return { ...source.info(tensor), shape: pooled.entry(replaced(tensor)).shape };
      },
      readFloat32: (tensor, into) =>
        pooled.tensors.has(replaced(tensor))
          ? pooled.readFloat32(replaced(tensor), into)
          : source.readFloat32(tensor, into),
    };
    using decoder = new Decoder(config, loadDecoderWeights(mixed, config));
    using cache = decoder.createCache(full(), 2);
    const logits = tf.tidy(() => tf.keep(decoder.forward(cache, goldenRows(inputs, "input_ids"), { logits: "all" })));
    expect(largestDifference(logits, pooled, `${name}.logits`)).toBeLessThan(tolerance);
    logits.dispose();
  });
});

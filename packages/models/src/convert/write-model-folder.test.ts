import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, openSafetensors, storageTypes } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { dmc } from "@kvfold/dmc";
import { type CachePolicy, parsePolicy } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ggufOfFolder } from "../../test/gguf-of-folder.js";
import { tinyTokenizer } from "../../test/tiny-tokenizer.js";
import { modelPolicies } from "../config/model-policies.js";
import { dmcOptionsFromRetrofit } from "../config/options-from-retrofit.js";
import { parseConfig } from "../config/parse-config.js";
import type { DmcRetrofitConfig } from "../config/retrofit-config.js";
import { Decoder } from "../decoder/decoder.js";
import { loadDecoderWeights } from "../decoder/load-decoder-weights.js";
import { goldenRows } from "../goldens/golden-model.js";
import { loadLocalModel } from "../load-model.js";
import { openHfFolder } from "../weights/open-hf-folder.js";
import { convertToFolder } from "./convert-to-folder.js";
import { type ModelFolder, type NamedTensor, writeModelFolder } from "./write-model-folder.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-write-model-"));
afterAll(() => rmSync(root, { recursive: true }));

const model = goldensPath("hf/models/llama-gqa") ?? "";
const sorted = (folder: string) => readdirSync(folder).sort();
const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;

/** With an offset of 0 an untrained model merges about half of its tokens. */
const retrofit: DmcRetrofitConfig = {
  method: "dmc",
  neuron: "last",
  offset: 0,
  temperature: 0.1,
  targetCompressionRatio: 2,
  layers: [0, 2],
  granularity: "head",
  importanceEpsilon: 2 ** -7,
  window: 5,
};

describe.skipIf(model === "")("writeModelFolder", () => {
  const tokenizer = join(root, "tokenizer");
  const gguf = join(root, "tiny.gguf");
  const written = (name: string, changes: Partial<ModelFolder> = {}) => {
    const folder = join(root, name);
    using source = openHfFolder(model);
    const tensors = source
      .names()
      .map((name): NamedTensor => ({ name, shape: source.info(name).shape, values: source.readFloat32(name) }));
    const config = readJson(join(model, "config.json"));
    writeModelFolder(folder, { config, tensors, dtype: "f32", tokenizerFrom: tokenizer, retrofit, ...changes });
    return folder;
  };

  beforeAll(async () => {
    await chooseBackend({ prefer: "cpu" });
    writeFileSync(gguf, ggufOfFolder(model, storageTypes.f32, tinyTokenizer));
    await convertToFolder(gguf, tokenizer);
    for (const name of ["special_tokens_map.json", "chat_template.jinja", "merges.txt", "LICENSE"]) {
      writeFileSync(join(tokenizer, name), `{} ${name}`);
    }
  });

  /** Logits of the golden prompt, and how many entries it left. */
  const run = (decoder: Decoder, policy: CachePolicy) => {
    using golden = openSafetensors(join(model, "golden.safetensors"));
    const rows = goldenRows(golden, "input_ids");
    using cache = decoder.createCache(policy, rows.length);
    const logits = tf.tidy(() => decoder.forward(cache, rows, { logits: "all" }).dataSync().slice());
    return { logits, entries: cache.stats().layers.map(({ entries }) => entries) };
  };

  it("is read back with no flags, and runs as it was retrofitted", async () => {
    const config = { ...parseConfig(readJson(join(model, "config.json"))), retrofit };
    using source = openHfFolder(model);
    using decoder = new Decoder(config, loadDecoderWeights(source, config));
    using loaded = await loadLocalModel(written("f32"));
    expect(loaded.config).toEqual(config);
    const policy = parsePolicy("dmc", modelPolicies(loaded.config));
    const found = run(loaded.decoder, policy);
    expect(found).toEqual(run(decoder, dmc(dmcOptionsFromRetrofit(retrofit))));
    const perLayer = found.entries.map((rows) => Math.max(...rows.flat()));
    expect(perLayer).toEqual([expect.any(Number), 40, expect.any(Number)]);
    expect(Math.max(perLayer[0] as number, perLayer[2] as number)).toBeLessThan(40);
  });

  it("holds what a Hugging Face folder holds, with the tokenizer's files byte for byte", () => {
    const folder = written("files");
    const copied = sorted(tokenizer).filter((name) => name !== "config.json" && name !== "model.safetensors");
    expect(copied).toEqual(expect.arrayContaining(["LICENSE", "merges.txt", "tokenizer.json"]));
    expect(sorted(folder)).toEqual(["config.json", "model.safetensors", ...copied].sort());
    for (const name of copied) expect(readFileSync(join(folder, name))).toEqual(readFileSync(join(tokenizer, name)));
    const { kvfold, ...config } = readJson(join(folder, "config.json"));
    expect(config).toEqual(readJson(join(model, "config.json")));
    expect(kvfold).toEqual({
      method: "dmc",
      neuron: "last",
      offset: 0,
      importance_epsilon: 2 ** -7,
      window: 5,
      temperature: 0.1,
      granularity: "head",
      target_cr: 2,
      layers: [0, 2],
    });
    using weights = openSafetensors(join(folder, "model.safetensors"));
    expect(weights.metadata.format).toBe("pt");
  });

  it.each(["bf16", "f16"] as const)("rounds to nearest even in %s", (dtype) => {
    const folder = written(dtype, { dtype });
    using source = openHfFolder(model);
    using found = openHfFolder(folder);
    for (const name of source.names()) {
      expect(found.info(name)).toMatchObject({ storage: dtype, shape: source.info(name).shape });
      expect(found.readBytes(name)).toEqual(storageTypes[dtype].pack(source.readFloat32(name)));
    }
    expect(readJson(join(folder, "config.json")).dtype).toBe({ bf16: "bfloat16", f16: "float16" }[dtype]);
  });

  it("takes the tokenizer of a GGUF file, and leaves a config's own block when no retrofit is given", () => {
    const config = { ...readJson(join(model, "config.json")), dmc: { init_val: 4 } };
    using source = openHfFolder(model);
    const name = "model.norm.weight";
    const tensors = [{ name, shape: [64], values: source.readFloat32(name) }];
    const folder = join(root, "from-gguf");
    writeModelFolder(folder, { config, tensors, dtype: "f32", tokenizerFrom: gguf });
    expect(readFileSync(join(folder, "tokenizer.json"))).toEqual(readFileSync(join(tokenizer, "tokenizer.json")));
    expect(readJson(join(folder, "config.json"))).toEqual(config);
    expect(readJson(join(written("over"), "config.json"))).not.toHaveProperty("dmc");
  });

  it("replaces what it wrote, and nothing else", () => {
    const folder = written("again");
    written("again", { dtype: "bf16" });
    expect(readJson(join(folder, "config.json")).dtype).toBe("bfloat16");
    writeFileSync(join(folder, "notes.txt"), "mine");
    expect(() => written("again")).toThrow(/again is not empty \(.*\); name a new folder/);
    const base = join(root, "base");
    cpSync(model, base, { recursive: true });
    expect(() => written("base")).toThrow(/base is not empty/);
    expect(readFileSync(join(base, "model.safetensors"))).toEqual(readFileSync(join(model, "model.safetensors")));
    expect(() => written("tiny.gguf")).toThrow(/is a file; name a new folder/);
  });

  it.each<[string, Partial<ModelFolder>, RegExp]>([
    ["no tokenizer", { tokenizerFrom: model }, /has no tokenizer.json; name the folder of a model/],
    ["no such folder", { tokenizerFrom: join(root, "none") }, /there is no such file/],
    ["a config that cannot be read back", { config: { model_type: "llama", hidden_size: "64" } }, /"hidden_size"/],
    [
      "values that do not fit",
      { tensors: [{ name: "model.norm.weight", shape: [3], values: new Float32Array(2) }] },
      /model.norm.weight of shape \[3\] needs 3 values, got 2/,
    ],
    [
      "NaN",
      { tensors: [{ name: "model.norm.weight", shape: [1], values: Float32Array.of(Number.NaN) }] },
      /model.norm.weight holds NaN or infinity/,
    ],
    [
      "weights too large for f16",
      { dtype: "f16", tensors: [{ name: "model.norm.weight", shape: [1], values: Float32Array.of(1e5) }] },
      /100000, too large for f16/,
    ],
  ])("refuses %s and leaves nothing behind", (_, changes, message) => {
    const before = sorted(root);
    expect(() => written("refused", changes)).toThrow(message);
    expect(sorted(root)).toEqual(before);
  });
});

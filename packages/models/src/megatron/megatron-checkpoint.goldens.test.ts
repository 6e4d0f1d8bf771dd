import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, openSafetensors, storageTypes } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { full, parsePolicy } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTokenizer } from "../../test/megatron/write-tokenizer.js";
import { modelPolicies } from "../config/model-policies.js";
import { convertToFolder } from "../convert/convert-to-folder.js";
import { goldenDecoder, goldenRows, largestDifference } from "../goldens/golden-model.js";
import { loadLocalModel } from "../load-model.js";
import { openHfFolder } from "../weights/open-hf-folder.js";

const goldens = goldensPath("megatron") ?? "";
const root = mkdtempSync(join(tmpdir(), "kvfold-megatron-"));
afterAll(() => rmSync(root, { recursive: true }));

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;

describe.skipIf(goldens === "")("Megatron checkpoints that torch.save wrote", () => {
  const tokenizer = writeTokenizer(join(root, "tokenizer"));
  beforeAll(async () => {
    await chooseBackend({ prefer: "cpu" });
  });

  const cases = ["gqa", "mha"].flatMap((heads) => ["tp1", "tp2"].map((ranks): [string, string] => [heads, ranks]));
  describe.each(cases)("%s, %s", (heads, ranks) => {
    const out = join(root, `${heads}-${ranks}`);
    beforeAll(async () => {
      await convertToFolder(join(goldens, heads, ranks), out, { tokenizer });
    });

    it("give the weights of the Hugging Face folder bit by bit", () => {
      using found = openHfFolder(out);
      using wanted = openHfFolder(join(goldens, heads, "hf"));
      expect(found.names().sort()).toEqual(wanted.names().sort());
      for (const name of wanted.names()) {
        expect(found.info(name).shape, name).toEqual(wanted.info(name).shape);
        expect(found.readFloat32(name), name).toEqual(wanted.readFloat32(name));
      }
    });

    it("say in config.json what the model is and how it compresses", () => {
      const { kvfold, architectures, torch_dtype, attention_bias, mlp_bias, hidden_act, ...config } = readJson(
        join(out, "config.json"),
      );
      expect(config).toEqual(readJson(join(goldens, heads, "hf", "config.json")));
      expect({ architectures, torch_dtype, hidden_act }).toEqual({
        architectures: ["LlamaForCausalLM"],
        torch_dtype: "float32",
        hidden_act: "silu",
      });
      const dmc = { method: "dmc", neuron: "last", granularity: "head" };
      expect(kvfold).toEqual(
        heads === "gqa"
          ? { ...dmc, offset: 0.25, importance_epsilon: 2 ** -7, window: 3, temperature: 0.1, target_cr: 4 }
          : // Half of 2,000 iterations on the way from 1 to 3.
            { ...dmc, offset: 0.5, importance_epsilon: 2 ** -10, window: null, temperature: 0.2, target_cr: 2 },
      );
    });

    it("give the logits and entries of the model that was saved", async () => {
      using golden = openSafetensors(join(goldens, heads, "golden.safetensors"));
      const [ids] = goldenRows(golden, "input_ids") as [number[]];
      using model = await loadLocalModel(out);
      using cache = model.decoder.createCache(parsePolicy("dmc", modelPolicies(model.config)), 1);
      const logits = model.decoder.forward(cache, [ids], { logits: "all" });
      expect(largestDifference(logits, golden, "dmc.logits")).toBeLessThan(1e-4);
      const slots = cache.stats().layers.flatMap(({ entries }) => entries.flat());
      expect(slots).toEqual([...(golden.read("dmc.slots") as Int32Array)]);
      logits.dispose();
    });

    it("give the logits of the plain model without the retrofit block", () => {
      const plain = join(root, `${heads}-${ranks}-plain`);
      cpSync(out, plain, { recursive: true });
      const { kvfold: _, ...config } = readJson(join(plain, "config.json"));
      writeFileSync(join(plain, "config.json"), JSON.stringify(config));
      using golden = openSafetensors(join(goldens, heads, "golden.safetensors"));
      const [ids] = goldenRows(golden, "input_ids") as [number[]];
      using decoder = goldenDecoder(plain);
      using cache = decoder.createCache(full(), 1);
      const logits = decoder.forward(cache, [ids], { logits: "all" });
      expect(largestDifference(logits, golden, "plain.logits")).toBeLessThan(1e-4);
      logits.dispose();
    });
  });

  it("keep their tokenizer's files, and round as asked", async () => {
    const out = join(root, "bf16");
    const before = tf.memory().numTensors;
    const { config } = await convertToFolder(join(goldens, "mha/tp2"), out, { tokenizer, dtype: "bf16" });
    expect(config.retrofit).toMatchObject({ method: "dmc", offset: 0.5 });
    expect(readdirSync(out).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    using found = openHfFolder(out);
    using wanted = openHfFolder(join(goldens, "mha/hf"));
    const name = "model.layers.1.self_attn.q_proj.weight";
    expect(found.readBytes(name)).toEqual(storageTypes.bf16.pack(wanted.readFloat32(name)));
    expect(tf.memory().numTensors).toBe(before);
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { memorySource, storageTypes } from "@kvfold/core";
import { goldensPath, sharedPath, skipReason } from "@kvfold/core/testing";
import { describe, expect, it } from "vitest";
import { ggufOfFolder } from "../../test/gguf-of-folder.js";
import { parseConfig } from "../config/parse-config.js";
import { openGguf } from "./open-gguf.js";
import { openHfFolder } from "./open-hf-folder.js";

const models = goldensPath("hf/models");
const families = [
  "llama-gqa",
  "llama-gqa-hd32-sharded",
  "llama-tied-bf16",
  "mistral-sliding",
  "qwen2",
  "qwen3",
  "smollm3-nope",
];

describe.skipIf(models === undefined).each(families)("%s as GGUF and as folder", (family) => {
  const folder = join(models ?? "", family);
  const open = (storage = storageTypes.f32) => openGguf(memorySource(ggufOfFolder(folder, storage), `${family}.gguf`));

  it("gives the same names, shapes and values", () => {
    using gguf = open();
    using hf = openHfFolder(folder);
    expect(gguf.names().sort()).toEqual(hf.names().sort());
    for (const name of hf.names()) {
      expect(gguf.info(name).shape).toEqual(hf.info(name).shape);
      expect(gguf.readFloat32(name)).toEqual(hf.readFloat32(name));
    }
  });

  it("gives the folder's config", () => {
    using gguf = open();
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    const made = gguf.config();
    // llama.cpp has one fixed pattern of layers without RoPE, whatever the folder said.
    const expected = "no_rope_layers" in config ? { ...config, no_rope_layers: made.no_rope_layers } : config;
    expect(parseConfig(made)).toEqual(parseConfig(expected));
    expect(made.tie_word_embeddings).toBe(!openHfFolder(folder).has("lm_head.weight"));
  });

  it.each([storageTypes.f16, storageTypes.q8_0, storageTypes.q4_1])(
    "reads rows and packed bytes of $name",
    (storage) => {
      using gguf = open(storage);
      for (const part of ["q_proj", "k_proj", "v_proj"]) {
        const name = `model.layers.1.self_attn.${part}.weight`;
        const whole = gguf.readFloat32(name);
        const [rows, width] = gguf.info(name).shape as [number, number];
        expect(gguf.info(name).storage).toBe(storage.name);
        expect(storage.unpack(gguf.readBytes(name))).toEqual(whole);
        const into = new Float32Array(5 * width);
        expect(gguf.readRowsFloat32(name, rows - 7, 5, into)).toBe(into);
        expect(into).toEqual(whole.subarray((rows - 7) * width, (rows - 2) * width));
      }
    },
  );
});

describe("requests that cannot be met", () => {
  it.skipIf(models === undefined)("says what is wrong", () => {
    const gguf = openGguf(memorySource(ggufOfFolder(join(models ?? "", "llama-gqa"))));
    expect(() => gguf.readFloat32("model.layers.7.mlp.up_proj.weight")).toThrow(
      /the nearest are model.layers.[012].mlp.up_proj/,
    );
    expect(() => gguf.readRowsFloat32("model.norm.weight", 60, 5)).toThrow(/rows 0 to 63/);
  });
});

const smollm2 = sharedPath("models/SmolLM2-135M-Instruct");
describe.skipIf(smollm2 === undefined)(`SmolLM2-135M-Instruct (${skipReason("models/SmolLM2-135M-Instruct")})`, () => {
  it("decodes all 135 M weights and derives its config", () => {
    using gguf = openGguf(join(smollm2 ?? "", "SmolLM2-135M-Instruct.Q4_1.gguf"));
    const { torch_dtype, ...config } = JSON.parse(readFileSync(join(smollm2 ?? "", "config.json"), "utf8"));
    expect(gguf.config()).toMatchObject(config);
    let values = 0;
    let unfit = 0;
    for (const name of gguf.names()) {
      const tensor = gguf.readFloat32(name);
      values += tensor.length;
      unfit += tensor.findIndex((value) => !(Math.abs(value) < 1000)) + 1;
    }
    expect(values).toBe(134_515_008);
    expect(unfit).toBe(0);
    expect(gguf.readRowsFloat32("model.embed_tokens.weight", 1, 1)).toEqual(
      gguf.readFloat32("model.embed_tokens.weight").subarray(576, 1152),
    );
  });
});

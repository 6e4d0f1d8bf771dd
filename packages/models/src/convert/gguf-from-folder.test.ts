import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { storageTypes } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { ggufOfFolder } from "../../test/gguf-of-folder.js";
import { tinyTokenizer } from "../../test/tiny-tokenizer.js";
import { parseConfig } from "../config/parse-config.js";
import { tokenizerFromGguf } from "../tokenizer/gguf-tokenizer.js";
import { loadTokenizer } from "../tokenizer/load-tokenizer.js";
import { openGguf } from "../weights/open-gguf.js";
import { openHfFolder } from "../weights/open-hf-folder.js";
import { convertToFolder } from "./convert-to-folder.js";
import { convertToGguf } from "./convert-to-gguf.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-folder-gguf-"));
afterAll(() => rmSync(root, { recursive: true }));
const goldens = goldensPath("hf/models");
const demo = fileURLToPath(new URL("../../../demo-model/plain", import.meta.url));
const TEXT = "The year 2024: naïve café 🙂\n\tIt's 3.14, hello.";

/** A golden model with a tokenizer, which the goldens themselves lack. `change` edits its config.json. */
async function folderOf(name: string, change: Record<string, unknown> = {}): Promise<string> {
  const [folder, donor] = [join(root, name), join(root, `${name}-donor`)];
  const gguf = join(root, `${name}-donor.gguf`);
  const plain = join(goldens ?? "", "llama-gqa");
  writeFileSync(gguf, ggufOfFolder(plain, storageTypes.f32, tinyTokenizer));
  await convertToFolder(gguf, donor);
  cpSync(join(goldens ?? "", name), folder, { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(donor, file), join(folder, file));
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, ...change }));
  rmSync(donor, { recursive: true });
  rmSync(gguf);
  return folder;
}

const readConfig = (folder: string) => parseConfig(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")));

describe.skipIf(goldens === undefined)("convertToGguf from a folder", () => {
  const names = [
    "llama-gqa",
    "llama-gqa-hd32-sharded",
    "llama-mha",
    "llama-tied-bf16",
    "llama-rope-linear",
    "llama-rope-yarn",
    "mistral-sliding",
    "qwen2",
    "qwen3",
  ];

  it.each([
    ...names.map((name) => [name, {}] as const),
    ["smollm3-nope", { no_rope_layers: [1, 1, 1] }] as const, // of four layers the last would go without
  ])("%s: our reader gives the folder's weights, config and token ids back", async (name, change) => {
    const folder = await folderOf(name, change);
    const out = join(root, `${name}.gguf`);
    await convertToGguf(folder, out, { weights: "F32" });
    using written = openGguf(out);
    using source = openHfFolder(folder);
    expect(written.names().sort()).toEqual(source.names().sort());
    for (const tensor of source.names()) {
      expect(written.info(tensor).shape).toEqual(source.info(tensor).shape);
      expect(written.readFloat32(tensor)).toEqual(source.readFloat32(tensor));
    }
    expect(parseConfig(written.config())).toEqual(readConfig(folder));
    const tokenizer = await loadTokenizer(folder);
    const again = tokenizerFromGguf(written.metadata);
    expect(again.encode(TEXT)).toEqual(tokenizer.encode(TEXT));
    expect(again.bosId).toBe(tokenizer.bosId);
  });

  it("writes the bytes of our test encoder's tensors, which follows llama.cpp's converter", async () => {
    const folder = await folderOf("llama-gqa-hd32-sharded");
    const [ours, theirs] = [join(root, "ours.gguf"), join(root, "theirs.gguf")];
    await convertToGguf(folder, ours, { weights: "Q8_0" });
    writeFileSync(theirs, ggufOfFolder(folder, storageTypes.q8_0, tinyTokenizer));
    using a = openGguf(ours);
    using b = openGguf(theirs);
    for (const name of b.names()) expect(a.readBytes(name)).toEqual(b.readBytes(name));
  });

  it("writes Llama 3's RoPE scaling as a tensor, and refuses other factors", async () => {
    const scaling = {
      rope_type: "llama3",
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const change = { rope_scaling: scaling, rope_parameters: undefined };
    const folder = await folderOf("llama-rope-llama3", change);
    const out = join(root, "llama3.gguf");
    await convertToGguf(folder, out, { weights: "F16" });
    using written = openGguf(out);
    expect(parseConfig(written.config()).rope).toEqual(readConfig(folder).rope);
    const other = await folderOf("llama-rope-llama3", { ...change, rope_scaling: { ...scaling, high_freq_factor: 8 } });
    await expect(convertToGguf(other, join(root, "other.gguf"))).rejects.toThrow(/other factors than Llama 3's/);
  });

  it.each([
    ["gemma3-text", {}, /gemma3_text is not among llama/],
    ["phi3-fused", {}, /phi3 is not among llama/],
    ["llama-rope-dynamic", {}, /no dynamic RoPE scaling/],
    ["llama-gqa", { kvfold: { method: "dmc", neuron: "first", offset: 5 } }, /retrofitted for DMC/],
    ["smollm3-nope", {}, /layers without RoPE are not those/],
  ])("refuses %s %o: the file would be another model", async (name, change, message) => {
    const folder = await folderOf(name, change);
    await expect(convertToGguf(folder, join(root, "refused.gguf"))).rejects.toThrow(message);
  });

  it("refuses a folder without a tokenizer, and one whose tokenizer GGUF cannot hold", async () => {
    const out = join(root, "refused.gguf");
    await expect(convertToGguf(join(goldens ?? "", "llama-gqa"), out)).rejects.toThrow(/has no tokenizer.json/);
    const folder = await folderOf("llama-gqa");
    const file = join(folder, "tokenizer.json");
    const json = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...json, normalizer: { type: "NFKC" } }));
    await expect(convertToGguf(folder, out)).rejects.toThrow(/cuts text in a way that has no name there/);
  });
});

describe("the bundled model", () => {
  it("keeps token ids, special tokens and end of text; ids without a token are padding", async () => {
    const out = join(root, "demo.gguf");
    expect(await convertToGguf(demo, out)).toEqual({ keptF16: [] });
    using written = openGguf(out);
    const [ours, original] = [tokenizerFromGguf(written.metadata), await loadTokenizer(demo)];
    expect(ours.encode(TEXT)).toEqual(original.encode(TEXT));
    expect(ours.decode(ours.encode(TEXT))).toBe(original.decode(original.encode(TEXT)));
    expect(ours.specialIds).toEqual(original.specialIds);
    expect(ours.eosIds).toEqual(original.eosIds);
    expect(written.metadata.requireStrings("tokenizer.ggml.tokens").length).toBe(readConfig(demo).vocabSize);
  });
});

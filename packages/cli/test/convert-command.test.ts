import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldensPath } from "@kvfold/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { kvfold, kvfoldJson } from "./run-kvfold.js";

const folder = mkdtempSync(join(tmpdir(), "kvfold-convert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const timeout = 120_000;

describe("kvfold convert and inspect", { timeout }, () => {
  it("writes a folder that says the same, and overwrites nothing", async () => {
    const out = join(folder, "converted");
    const converted = await kvfold(["convert", "demo", out, "--dtype", "f16"]);
    expect(converted).toMatchObject({ code: 0, stdout: `${out} holds demo in f16\n` });
    expect(readdirSync(out)).toContain("model.safetensors");
    const args = ["It was", "--max-tokens", "6"];
    const [original, copy] = [await kvfold(["generate", "demo", ...args]), await kvfold(["generate", out, ...args])];
    expect(copy.stdout).toBe(original.stdout);
    expect(await kvfold(["convert", "demo", out])).toMatchObject({ code: 1, stdout: "" });
    const inspected = await kvfoldJson<{ tensors: readonly { storage: string }[] }>("inspect", out);
    expect(new Set(inspected.tensors.map(({ storage }) => storage))).toEqual(new Set(["f16"]));
  });

  it("writes a GGUF file that continues a text as its folder does, and overwrites nothing", async () => {
    const [out, again] = [join(folder, "converted.gguf"), join(folder, "again.gguf")];
    const converted = await kvfold(["convert", "demo-plain", out, "--weights", "BF16"]);
    expect(converted).toMatchObject({ code: 0, stdout: `${out} holds demo-plain in BF16\n` });
    const args = ["It was", "--max-tokens", "6"];
    const [original, copy] = [
      await kvfold(["generate", "demo-plain", ...args]),
      await kvfold(["generate", out, ...args]),
    ];
    expect(copy.stdout).toBe(original.stdout);
    expect(await kvfold(["convert", "demo-plain", out])).toMatchObject({ code: 1, stdout: "" });
    expect(await kvfold(["convert", out, out])).toMatchObject({ code: 1, stdout: "" });
    expect(await kvfold(["convert", out, again])).toMatchObject({ code: 0, stdout: `${again} holds ${out} in Q8_0\n` });
    const { tensors } = await kvfoldJson<{ tensors: readonly { storage: string }[] }>("inspect", again);
    expect(new Set(tensors.map(({ storage }) => storage))).toEqual(new Set(["q8_0", "f32"]));
  });

  it("makes a folder of a Megatron checkpoint, and says how it compresses", async () => {
    const [checkpoint, tokenizer] = [goldensPath("megatron/gqa/tp2"), goldensPath("megatron/tokenizer")] as string[];
    const out = join(folder, "from-megatron");
    const args = ["convert", checkpoint as string, out];
    const without = await kvfold(args);
    expect(without).toMatchObject({ code: 1, stdout: "" });
    expect(without.stderr).toContain("--tokenizer FOLDER");
    const converted = await kvfold([...args, "--tokenizer", tokenizer as string]);
    expect(converted.stdout).toBe(
      `${out} holds ${checkpoint} in f32\ncompresses with DMC: offset 0.25, window 3, trained for a ratio of 4\n`,
    );
    const generated = await kvfold(["generate", out, "ABBA", "--policy", "dmc", "--max-tokens", "4"]);
    expect(generated).toMatchObject({ code: 0 });
    const demo = await kvfold(["convert", "demo", join(folder, "other"), "--tokenizer", tokenizer as string]);
    expect(demo).toMatchObject({ code: 1, stdout: "" });
    expect(demo.stderr).toContain("is no Megatron checkpoint");
  });

  it("says which option goes with which output", async () => {
    const file = await kvfold(["convert", "demo", join(folder, "x.gguf"), "--dtype", "f16"]);
    expect(file).toMatchObject({ code: 2, stdout: "" });
    expect(file.stderr).toContain("use --weights");
    const dir = await kvfold(["convert", "demo", join(folder, "x"), "--weights", "F16"]);
    expect(dir).toMatchObject({ code: 2, stdout: "" });
    expect(dir.stderr).toContain("use --dtype");
    const gguf = await kvfold(["convert", "demo", join(folder, "x.gguf"), "--tokenizer", folder]);
    expect(gguf).toMatchObject({ code: 2, stdout: "" });
    expect(gguf.stderr).toContain("for Megatron checkpoints, which become folders");
  });

  it("shows architecture, tokenizer and tensors", async () => {
    const json = await kvfoldJson<Record<string, unknown>>("inspect", "demo");
    expect(json).toMatchObject({
      model: "demo",
      kind: "folder",
      parameters: 4_262_144,
      config: { architecture: "llama", layers: 4, kvHeads: 8 },
      tokenizer: { kind: "byte-level BPE", vocabSize: 4096 },
    });
    const { code, stdout } = await kvfold(["inspect", "demo"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^architecture +llama$/m);
    expect(stdout).toMatch(/^model\.embed_tokens\.weight +bf16 +4096 x 256 +2,097,152$/m);
  });

  it("inspects a model that lacks its tokenizer, and says that it does", async () => {
    const { code, stdout } = await kvfold(["inspect", goldensPath("hf/models/llama-gqa") as string]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tokenizer +.*has no tokenizer\.json/m);
  });
});

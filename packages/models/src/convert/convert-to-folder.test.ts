import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, storageTypes } from "@kvfold/core";
import { goldensPath, sharedPath, skipReason } from "@kvfold/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { ggufOfFolder } from "../../test/gguf-of-folder.js";
import { tinyTokenizer } from "../../test/tiny-tokenizer.js";
import { parseConfig } from "../config/parse-config.js";
import { tokenizerFromGguf } from "../tokenizer/gguf-tokenizer.js";
import { loadTokenizer } from "../tokenizer/load-tokenizer.js";
import { openGguf } from "../weights/open-gguf.js";
import { openHfFolder } from "../weights/open-hf-folder.js";
import { convertToFolder } from "./convert-to-folder.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-convert-"));
afterAll(() => rmSync(root, { recursive: true }));

const goldens = goldensPath("hf/models/llama-gqa-hd32-sharded");
const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
const sorted = (folder: string) => readdirSync(folder).sort();

describe.skipIf(goldens === undefined)("convertToFolder", () => {
  const folder = goldens ?? "";
  const gguf = join(root, "tiny.gguf");
  writeFileSync(gguf, ggufOfFolder(folder, storageTypes.q8_0, tinyTokenizer));

  it.each(["f32", "f16", "bf16"] as const)("writes a GGUF file as a folder in %s", async (dtype) => {
    const out = join(root, `from-gguf-${dtype}`);
    const progress: number[] = [];
    await convertToFolder(gguf, out, { dtype, onProgress: (done, total) => progress.push(done / total) });
    expect(sorted(out)).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    using written = openHfFolder(out);
    using source = openGguf(gguf);
    for (const name of source.names()) {
      const values = storageTypes[dtype].unpack(storageTypes[dtype].pack(source.readFloat32(name)));
      expect(written.info(name)).toMatchObject({ shape: source.info(name).shape, storage: dtype });
      expect(written.readFloat32(name)).toEqual(values);
    }
    expect(written.names().length).toBe(source.names().length);
    expect(parseConfig(readJson(join(out, "config.json")))).toEqual(parseConfig(source.config()));
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    const text = "hello world";
    expect((await loadTokenizer(out)).encode(text)).toEqual(tokenizerFromGguf(source.metadata).encode(text));
  });

  it("changes the type of a folder's weights", async () => {
    const out = join(root, "from-folder");
    await convertToFolder(folder, out, { dtype: "bf16" });
    expect(sorted(out)).toEqual(["config.json", "generation_config.json", "model.safetensors"]);
    expect(readJson(join(out, "config.json"))).toEqual({ ...readJson(join(folder, "config.json")), dtype: "bfloat16" });
    using written = openHfFolder(out);
    using source = openHfFolder(folder);
    for (const name of source.names()) {
      expect(written.readFloat32(name)).toEqual(
        storageTypes.bf16.unpack(storageTypes.bf16.pack(source.readFloat32(name))),
      );
    }
  });

  it("overwrites nothing, but takes an empty folder", async () => {
    const out = join(root, "occupied");
    mkdirSync(out);
    writeFileSync(join(out, "precious.txt"), "data");
    await expect(convertToFolder(gguf, out)).rejects.toThrow(/occupied is not empty \(precious.txt\)/);
    await expect(convertToFolder(gguf, join(out, "precious.txt"))).rejects.toThrow(/is a file; name a new folder/);
    rmSync(join(out, "precious.txt"));
    await convertToFolder(gguf, out);
    expect(sorted(out)).toContain("model.safetensors");
  });

  it("leaves nothing behind when it fails or is stopped", async () => {
    const before = sorted(root);
    const stop = new AbortController();
    const stopped = convertToFolder(gguf, join(root, "stopped"), {
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow(/aborted/);
    const broken = join(root, "broken.gguf");
    writeFileSync(broken, readFileSync(gguf).subarray(0, 5000));
    await expect(convertToFolder(broken, join(root, "out"))).rejects.toThrow(/not a valid GGUF file/);
    rmSync(broken);
    await expect(convertToFolder(join(root, "none.gguf"), join(root, "out"))).rejects.toThrow(/there is no such file/);
    expect(sorted(root)).toEqual(before);
  });

  it("refuses f16 for weights that are too large for it", async () => {
    const large = join(root, "large");
    mkdirSync(large);
    writeFileSync(join(large, "config.json"), readFileSync(join(folder, "config.json")));
    const data = Float32Array.of(1, -70_000);
    writeFileSync(
      join(large, "model.safetensors"),
      encodeSafetensors({ "model.norm.weight": { dtype: "F32", shape: [2], data } }),
    );
    await expect(convertToFolder(large, join(root, "f16"), { dtype: "f16" })).rejects.toThrow(
      /model.norm.weight holds -70000, too large for f16; use bf16 or f32/,
    );
    expect(existsSync(join(root, "f16"))).toBe(false);
  });
});

const smollm2 = sharedPath("models/SmolLM2-135M-Instruct");
describe.skipIf(smollm2 === undefined)(`SmolLM2-135M-Instruct (${skipReason("models/SmolLM2-135M-Instruct")})`, () => {
  it("becomes a folder with the same weights and token ids", async () => {
    const gguf = join(smollm2 ?? "", "SmolLM2-135M-Instruct.Q4_1.gguf");
    const out = join(root, "smollm2");
    await convertToFolder(gguf, out, { dtype: "bf16" });
    using written = openHfFolder(out);
    using source = openGguf(gguf);
    expect(written.names().sort()).toEqual(source.names().sort());
    const name = "model.layers.29.self_attn.q_proj.weight";
    expect(written.readFloat32(name)).toEqual(
      storageTypes.bf16.unpack(storageTypes.bf16.pack(source.readFloat32(name))),
    );
    const text = "The year 2024: naïve café 🙂\n\tIt's 3.14.";
    expect((await loadTokenizer(out)).encode(text)).toEqual((await loadTokenizer(smollm2 ?? "")).encode(text));
  }, 60_000);
});

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileSource, storageTypes } from "@kvfold/core";
import { goldensPath, sharedPath, skipReason } from "@kvfold/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { encodeGguf, type Pair, type Tensor } from "../../test/encode-gguf.js";
import { ggufOfFolder } from "../../test/gguf-of-folder.js";
import { tinyTokenizer } from "../../test/tiny-tokenizer.js";
import { type GgufTensor, parseGgufHeader } from "../gguf/parse-gguf-header.js";
import { openGguf } from "../weights/open-gguf.js";
import { convertToGguf } from "./convert-to-gguf.js";
import { GGUF_WEIGHT_TYPES } from "./gguf-weight-types.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-convert-gguf-"));
afterAll(() => rmSync(root, { recursive: true }));

const goldens = goldensPath("hf/models/llama-gqa-hd32-sharded");
const formatOf = (type: string) => storageTypes[type.toLowerCase() as keyof typeof storageTypes];

function headerOf(path: string) {
  const source = openFileSource(path);
  try {
    return parseGgufHeader(source);
  } finally {
    source.close();
  }
}

describe.skipIf(goldens === undefined)("convertToGguf", () => {
  const gguf = join(root, "tiny.gguf");
  writeFileSync(gguf, ggufOfFolder(goldens ?? "", storageTypes.f32, tinyTokenizer));

  it.each(GGUF_WEIGHT_TYPES)("writes matrices in %s, vectors in f32, metadata as they were", async (weights) => {
    const out = join(root, `${weights}.gguf`);
    const progress: number[] = [];
    const { keptF16 } = await convertToGguf(gguf, out, {
      weights,
      onProgress: (done, total) => progress.push(done / total),
    });
    expect(progress.at(-1)).toBe(1);
    expect(keptF16).toEqual([]);
    using source = openGguf(gguf);
    using written = openGguf(out);
    expect(written.names()).toEqual(source.names());
    for (const name of source.names()) {
      const { shape } = source.info(name);
      const format = shape.length === 1 ? storageTypes.f32 : formatOf(weights);
      expect(written.info(name)).toMatchObject({ shape, storage: format.name });
      expect(written.readFloat32(name)).toEqual(format.unpack(format.pack(source.readFloat32(name))));
    }
    const entries = new Map(written.metadata.entries);
    expect(entries.get("general.quantization_version")).toBe(2);
    expect(entries.get("general.file_type")).toBe({ F32: 0, F16: 1, BF16: 32, Q8_0: 7, Q4_0: 2, Q4_1: 3 }[weights]);
    for (const key of ["general.quantization_version", "general.file_type"]) entries.delete(key);
    expect(entries).toEqual(source.metadata.entries);
    expect(written.config()).toEqual(source.config());
  });

  it("copies what is in the type already byte for byte, also from what it wrote itself", async () => {
    const [first, second] = [join(root, "first.gguf"), join(root, "second.gguf")];
    await convertToGguf(gguf, first, { weights: "Q4_1" });
    await convertToGguf(first, second, { weights: "Q4_1" });
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
  });

  it("overwrites nothing, not even its input", async () => {
    await expect(convertToGguf(gguf, gguf)).rejects.toThrow(/tiny.gguf exists; name a new file/);
  });

  it("leaves nothing behind when it fails or is stopped", async () => {
    const before = readdirSync(root).sort();
    const stop = new AbortController();
    const options = { signal: stop.signal, onProgress: () => stop.abort() };
    await expect(convertToGguf(gguf, join(root, "stopped.gguf"), options)).rejects.toThrow(/aborted/);
    await expect(convertToGguf(join(root, "none.gguf"), join(root, "out.gguf"))).rejects.toThrow(/no such file/);
    for (const [cut, message] of [
      [5000, /not a valid GGUF file/],
      [readFileSync(gguf).length - 100, /truncated/],
    ] as const) {
      const broken = join(root, "broken.gguf");
      writeFileSync(broken, readFileSync(gguf).subarray(0, cut));
      await expect(convertToGguf(broken, join(root, "out.gguf"))).rejects.toThrow(message);
      rmSync(broken);
    }
    expect(readdirSync(root).sort()).toEqual(before);
  });
});

describe("convertToGguf on made-up files", () => {
  const architecture: Pair = { key: "general.architecture", type: "string", value: "llama" };
  const tensor = (name: string, ne: number[], values: Float32Array, format = storageTypes.f32): Tensor => ({
    name,
    ne,
    format,
    bytes: format.pack(values),
  });
  const write = (name: string, pairs: Pair[], tensors: Tensor[], alignment = 32) => {
    const path = join(root, name);
    writeFileSync(path, encodeGguf(pairs, tensors, { alignment }));
    return path;
  };
  const ramp = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i) * 3);

  it("keeps rows that are not whole blocks in f16 and says so; vectors leave their blocks", async () => {
    const input = write(
      "odd.gguf",
      [architecture],
      [
        tensor("even", [64, 3], ramp(192)),
        tensor("odd", [33, 2], ramp(66)),
        tensor("norm", [32], ramp(32), storageTypes.q8_0),
      ],
    );
    const out = join(root, "odd-out.gguf");
    expect(await convertToGguf(input, out, { weights: "Q4_0" })).toEqual({ keptF16: ["odd"] });
    const { tensors } = headerOf(out);
    expect([...tensors.values()].map(({ format }) => format.name)).toEqual(["q4_0", "f16", "f32"]);
  });

  it("keeps the file's alignment, 64-bit values and lists, and replaces an old file type", async () => {
    const pairs: Pair[] = [
      architecture,
      { key: "general.file_type", type: "u32", value: 1 },
      { key: "general.alignment", type: "u32", value: 256 },
      { key: "x.large", type: "u64", value: 2n ** 63n },
      { key: "x.flags", type: "array", of: "bool", value: [true, false] },
      { key: "x.double", type: "f64", value: 0.1 },
    ];
    const input = write("aligned.gguf", pairs, [tensor("a", [32, 1], ramp(32)), tensor("b", [32, 1], ramp(32))], 256);
    const out = join(root, "aligned-out.gguf");
    await convertToGguf(input, out, { weights: "Q8_0" });
    const { tensors, metadata, alignment } = headerOf(out);
    expect(alignment).toBe(256);
    for (const { byteOffset } of tensors.values()) expect(byteOffset % 256).toBe(0);
    const old = headerOf(input).metadata.entries;
    expect([...metadata.entries.keys()]).toEqual([
      ...[...old.keys()].filter((key) => key !== "general.file_type"),
      "general.file_type",
      "general.quantization_version",
    ]);
    for (const key of ["x.large", "x.flags", "x.double"]) expect(metadata.entries.get(key)).toEqual(old.get(key));
    expect(metadata.number("general.file_type")).toBe(7);
  });

  it.each([
    ["F16", 70_000, /Tensor w holds 70000, too large for f16/],
    ["Q4_1", Number.NaN, /Tensor w: q4_1 cannot hold block 0/],
  ] as const)("refuses for %s what it cannot hold", async (weights, value, message) => {
    const input = write(
      `large-${weights}.gguf`,
      [architecture],
      [tensor("w", [32, 1], new Float32Array(32).fill(value))],
    );
    const out = join(root, "refused.gguf");
    await expect(convertToGguf(input, out, { weights })).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });

  it("refuses architectures it does not know: another rule may say which tensors stay f32", async () => {
    const input = write("mamba.gguf", [{ ...architecture, value: "mamba" }], [tensor("w", [32, 1], ramp(32))]);
    await expect(convertToGguf(input, join(root, "m.gguf"))).rejects.toThrow(/architecture mamba|"mamba"/);
  });
});

const smollm2 = sharedPath("models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
describe.skipIf(smollm2 === undefined)(`SmolLM2-135M-Instruct (${skipReason("models/SmolLM2-135M-Instruct")})`, () => {
  // SHA-256 of what the Python package gguf 0.19.0, llama.cpp's reference, makes of this tensor (Q4_1 in the file).
  it.each([
    ["Q8_0", "be814af43c63264789aeed13acc55802b7fc8d6ad6a94dae67fae4933388e101"],
    ["Q4_0", "7bee395c6b986389fd123248da6315aa9e09845c859c2fd337e8f0fc96ef3691"],
  ] as const)(
    "has the reference encoder's bytes in %s",
    async (weights, sha256) => {
      const out = join(root, `smollm2-${weights}.gguf`);
      await convertToGguf(smollm2 ?? "", out, { weights });
      const { byteOffset, byteLength } = headerOf(out).tensors.get("blk.29.attn_q.weight") as GgufTensor;
      const source = openFileSource(out);
      const bytes = new Uint8Array(byteLength);
      source.readInto(byteOffset, bytes);
      source.close();
      rmSync(out);
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
    },
    60_000,
  );
});

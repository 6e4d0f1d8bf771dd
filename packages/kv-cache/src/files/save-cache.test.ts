import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, encodeSafetensors, KvfoldError, memorySource, openSafetensors } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, describe, expect, it } from "vitest";
import { full } from "../policies/full.js";
import { h2o } from "../policies/h2o.js";
import { window } from "../policies/window.js";
import { read, tinyCache } from "../testing/tiny-cache.js";
import { crc32 } from "./crc32.js";
import { decodeCache } from "./decode-cache.js";
import { checksumOf, encodeCache } from "./encode-cache.js";
import { loadCache, saveCache } from "./save-cache.js";

await chooseBackend({ prefer: "cpu" });

const folder = mkdtempSync(join(tmpdir(), "kvfold-cache-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const policy = () => h2o({ budget: 4 });
const shape = { layers: 2, queryHeads: 2, kvHeads: 1, headDim: 4 };

async function bytesOfCache(): Promise<Uint8Array> {
  using cache = tinyCache(policy(), { rows: 2 });
  read(cache, 6);
  return encodeCache(cache);
}

const errorOf = (run: () => unknown): KvfoldError => {
  const before = tf.memory().numTensors;
  try {
    run();
  } catch (error) {
    if (!KvfoldError.isInstance(error)) throw error;
    expect(tf.memory().numTensors).toBe(before); // a refused file leaves nothing behind
    return error;
  }
  throw new Error("no KvfoldError was thrown");
};

/** The same file with other metadata, and tensors renamed, left out or replaced. */
async function rewritten(
  metadata: Record<string, string>,
  change: (tensors: Record<string, Parameters<typeof encodeSafetensors>[0][string]>) => void = () => {},
): Promise<Uint8Array> {
  const file = openSafetensors(memorySource(await bytesOfCache()));
  const tensors = Object.fromEntries(
    [...file.tensors].map(([name, { dtype, shape: size }]) => [
      name,
      { dtype, shape: size, data: file.readBytes(name) },
    ]),
  );
  change(tensors);
  return encodeSafetensors(tensors, { ...file.metadata, ...metadata });
}

describe("saveCache and loadCache", () => {
  it("take a cache over into another storage, and say where the file's is not to be had", async () => {
    const bytes = await rewritten({ codec: "bf16" });
    const error = errorOf(() => decodeCache(bytes, { policy: policy() }));
    expect(error.code).toBe("cache-codec");
    expect(error.message).toContain("'bf16' needs a backend whose store has it");
    using cache = decodeCache(bytes, { policy: policy(), codec: "f32" });
    expect(cache.options.codec).toBe("f32");
    expect(cache.tokens).toEqual([6, 6]);
  });

  it("bring back a cache that goes on as if it had never been away", async () => {
    const path = join(folder, "chat.safetensors");
    using cache = tinyCache(policy(), { rows: 2 });
    read(cache, 6);
    await saveCache(cache, path);
    using loaded = loadCache(path, { policy: policy(), shape });
    expect(loaded.stats()).toEqual({ ...cache.stats(), peakEntries: 16, layers: expect.anything() });
    expect(read(loaded, 2, 5)).toEqual(read(cache, 2, 5));
    expect(readdirSync(folder)).toEqual(["chat.safetensors"]);
  });

  it("take an empty cache and one without rows", async () => {
    for (const rows of [0, 2]) {
      using cache = tinyCache(full(), { rows });
      using loaded = decodeCache(await encodeCache(cache), { policy: full() });
      expect(loaded.tokens).toEqual(new Array(rows).fill(0));
    }
  });

  it("states its contents as metadata that other tools can read", async () => {
    const { metadata, tensors } = openSafetensors(memorySource(await bytesOfCache()));
    expect(metadata).toMatchObject({
      format: "kvfold-cache",
      version: "1",
      policy: "h2o:budget=4",
      layers: "2",
      kvHeads: "1",
      tokens: "[6,6]",
      lengths: "[[4,4],[4,4]]",
    });
    expect([...tensors.keys()].sort()).toEqual(
      [0, 1].flatMap((i) => ["keys", "mass", "position", "values"].map((name) => `layers.${i}.${name}`)),
    );
  });

  it("cannot write into a folder that is not there, and says so", async () => {
    using cache = tinyCache(full());
    const path = join(folder, "no", "chat.safetensors");
    await expect(saveCache(cache, path)).rejects.toThrow(`Cannot write ${path}`);
  });
});

describe("decodeCache refuses", () => {
  it.each([
    ["another format", { format: "pt" }, "it is no kvfold-cache file (its format is 'pt')"],
    ["another version", { version: "2" }, "it has version '2' of the format, and this release reads version 1"],
    ["another policy", { policy: "full" }, "it was made under policy 'full', and 'h2o:budget=4' is to go on with it"],
    ["a size that is none", { headDim: "-4" }, "its headDim is damaged"],
    ["a size that is huge", { kvHeads: "1e300" }, "its kvHeads is damaged"],
    ["text that is no JSON", { tokens: "[6," }, "its tokens is damaged"],
    ["fewer lanes than rows", { lengths: "[[4],[4,4]]" }, "its lengths is damaged"],
    ["more entries than tokens", { lengths: "[[7,1],[4,4]]" }, "its lengths is damaged"],
    [
      "lengths that are not those of the tensors",
      { lengths: "[[4,3],[4,4]]" },
      "layers.0.keys is F32 [8,4] in place of F32 [7,4]",
    ],
    ["other layers than tensors", { layers: "1", lengths: "[[4,4]]" }, "it has a tensor 'layers.1."],
  ])("%s", async (_, metadata, message) => {
    const bytes = await rewritten(metadata);
    const error = errorOf(() => decodeCache(bytes, { policy: policy() }));
    expect([error.code, error.message]).toEqual(["cache-file", expect.stringContaining(message)]);
  });

  it("another model's shape", async () => {
    const bytes = await bytesOfCache();
    const error = errorOf(() => decodeCache(bytes, { policy: policy(), shape: { ...shape, headDim: 8 } }));
    expect(error.message).toContain("its model has headDim 4, and this one has 8");
  });

  it("state of another length than its lanes", async () => {
    const file = openSafetensors(memorySource(await bytesOfCache()));
    const columns = ["layers.0.mass", "layers.1.mass"];
    const cut = await rewritten({}, (tensors) => {
      for (const name of columns) tensors[name] = { dtype: "F32", shape: [2], data: new Float32Array(2) };
    });
    const tensors = openSafetensors(memorySource(cut)).tensors;
    const checksum = checksumOf([...tensors.keys()], (name) =>
      columns.includes(name) ? new Uint8Array(8) : file.readBytes(name),
    );
    const bytes = await rewritten({ checksum: `${checksum}` }, (all) => {
      for (const name of columns) all[name] = { dtype: "F32", shape: [2], data: new Float32Array(2) };
    });
    expect(errorOf(() => decodeCache(bytes, { policy: policy() })).message).toContain(
      "has 2 mass where its lanes need 8",
    );
  });

  it("a file without some tensor", async () => {
    const missing = await rewritten({}, (tensors) => {
      delete tensors["layers.1.values"];
    });
    expect(errorOf(() => decodeCache(missing, { policy: policy() })).code).toBe("tensor-missing");
  });

  it("numbers that do not match their checksum", async () => {
    const bytes = (await bytesOfCache()).slice();
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    expect(errorOf(() => decodeCache(bytes, { policy: policy() })).message).toContain("do not match their checksum");
  });

  it("any damage: an error or the right cache, never a crash", async () => {
    const bytes = await bytesOfCache();
    const random = seeded(5);
    const counts = { refused: 0, loaded: 0 };
    for (let i = 0; i < 400; i++) {
      const copy = bytes.slice(0, random.next() < 0.2 ? Math.floor(random.next() * bytes.length) : undefined);
      // half of the damage in the header
      const header = random.next() < 0.5 ? 900 : copy.length;
      for (let n = 0; n < 1 + random.next() * 3; n++) {
        const at = Math.floor(random.next() * Math.min(header, copy.length));
        if (copy.length > 0) copy[at] = Math.floor(random.next() * 256);
      }
      const before = tf.memory().numTensors;
      try {
        const cache = decodeCache(copy, { policy: policy() });
        expect(cache.tokens.length).toBeLessThanOrEqual(2);
        cache.dispose();
        counts.loaded++;
      } catch (error) {
        expect(KvfoldError.isInstance(error) ? "KvfoldError" : error).toBe("KvfoldError");
        counts.refused++;
      }
      expect(tf.memory().numTensors).toBe(before);
    }
    expect(counts.refused).toBeGreaterThan(300);
  });
});

describe("loadCache", () => {
  it("names a file that is not there, or is no safetensors file", () => {
    expect(errorOf(() => loadCache(join(folder, "no.safetensors"), { policy: policy() })).code).toBe("file-unreadable");
    const text = join(folder, "text.safetensors");
    writeFileSync(text, "hello, this is text");
    expect(errorOf(() => loadCache(text, { policy: policy() })).code).toBe("safetensors-malformed");
    expect(readFileSync(text, "utf8")).toContain("hello");
  });

  it("refuses a cache of another policy", async () => {
    const path = join(folder, "other.safetensors");
    using cache = tinyCache(full());
    await saveCache(cache, path);
    expect(errorOf(() => loadCache(path, { policy: window() })).message).toContain("made under policy 'full'");
  });
});

describe("crc32", () => {
  it("is the one of zip", () => {
    const text = (s: string) => new TextEncoder().encode(s);
    expect(crc32([text("123456789")])).toBe(0xcbf43926);
    expect(crc32([text("1234"), text("56789")])).toBe(0xcbf43926);
    expect(crc32([])).toBe(0);
  });
});

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, openSharded, type SafetensorsFile } from "@kvfold/core";
import { parseConfig } from "../../src/config/parse-config.js";
import { readJsonFile } from "../../src/config/read-json-file.js";
import { tokenizerFromGguf } from "../../src/tokenizer/gguf-tokenizer.js";
import { loadTokenizer } from "../../src/tokenizer/load-tokenizer.js";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { openGguf } from "../../src/weights/open-gguf.js";
import type { Kind, Source } from "./sources.js";

const TEXT = "Once upon a time, naïve 🙂 x1\n";

/** Writes the damaged file into `folder` and loads it as a user would, to the last tensor. Throws what the loader throws. */
export async function loadFile(source: Source, bytes: Uint8Array, folder: string): Promise<void> {
  await LOADERS[source.kind](bytes, folder, source);
}

const LOADERS: Record<Kind, (bytes: Uint8Array, folder: string, source: Source) => Promise<void>> = {
  async safetensors(bytes, folder) {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, bytes);
    using file = openSafetensors(path);
    readAll(file);
  },
  async index(bytes, folder, { folder: shards = "" }) {
    const copy = join(folder, "sharded");
    if (!existsSync(copy)) {
      mkdirSync(copy);
      for (const name of readdirSync(shards)) copyFileSync(join(shards, name), join(copy, name));
    }
    // A fresh file each time: the copy may be read-only.
    rmSync(join(copy, "model.safetensors.index.json"), { force: true });
    writeFileSync(join(copy, "model.safetensors.index.json"), bytes);
    using file = openSharded(copy);
    readAll(file);
  },
  async gguf(bytes, folder) {
    const path = join(folder, "x.gguf");
    writeFileSync(path, bytes);
    using file = openGguf(path);
    for (const name of file.names()) {
      const { shape } = file.info(name);
      expectLength(name, file.readFloat32(name).length, shape);
    }
    parseConfig(file.config());
    exercise(tokenizerFromGguf(file.metadata));
  },
  async config(bytes, folder) {
    const path = join(folder, "config.json");
    writeFileSync(path, bytes);
    parseConfig(await readJsonFile(path, { maxBytes: 2 ** 24, code: "config-malformed", where: "config.json" }));
  },
  async tokenizer(bytes, folder) {
    writeFileSync(join(folder, "tokenizer.json"), bytes);
    exercise(await loadTokenizer(folder));
  },
};

function readAll(file: SafetensorsFile): void {
  for (const [name, { dtype, shape }] of file.tensors) {
    expectLength(name, file.read(name).length, shape, dtype.startsWith("F8") ? 1 : undefined);
    if (/^B?F(16|32|64)$/.test(dtype)) expectLength(name, file.readFloat32(name).length, shape);
  }
}

/** A load that gives another number of values than the shape says is silently wrong: reported as a crash. */
function expectLength(name: string, length: number, shape: readonly number[], scale = 1): void {
  const expected = shape.reduce((product, size) => product * size, scale);
  if (length !== expected) throw new RangeError(`${name} of shape [${shape}] was read as ${length} values`);
}

function exercise(tokenizer: Tokenizer): void {
  const ids = tokenizer.encode(TEXT);
  if (typeof tokenizer.decode(ids) !== "string") throw new TypeError("decode gave no text");
}

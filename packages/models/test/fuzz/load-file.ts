import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openSafetensors, openSharded, type SafetensorsFile } from "@kvfold/core";
import { full } from "@kvfold/kv-cache";
import { convertToFolder } from "../../src/convert/convert-to-folder.js";
import { Decoder } from "../../src/decoder/decoder.js";
import { loadDecoderWeights } from "../../src/decoder/load-decoder-weights.js";
import { loadLocalModel } from "../../src/load-model.js";
import { openModelFiles } from "../../src/model-files.js";
import { loadTokenizer } from "../../src/tokenizer/load-tokenizer.js";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { openGguf } from "../../src/weights/open-gguf.js";
import { writeTokenizer } from "../megatron/write-tokenizer.js";
import type { Kind, Source } from "./sources.js";

const TEXT = "Once upon a time, naïve 🙂 x1\n";

/** Writes the damaged file into `folder` and uses it as a user would, to the last step. Throws what that throws. */
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
    const copy = linkedFolder(folder, shards);
    writeFileSync(join(copy, "model.safetensors.index.json"), bytes);
    using file = openSharded(copy);
    readAll(file);
  },
  async gguf(bytes, folder) {
    const path = join(folder, "x.gguf");
    writeFileSync(path, bytes);
    using file = openGguf(path);
    for (const name of file.names()) expectLength(name, file.readFloat32(name).length, file.info(name).shape);
    using model = await loadLocalModel(path);
    exercise(model.tokenizer);
    await score(model.decoder);
  },
  async config(bytes, folder, { folder: family = "" }) {
    const copy = linkedFolder(folder, family);
    writeFileSync(join(copy, "config.json"), bytes);
    const { config, source } = await openModelFiles(copy);
    try {
      const decoder = new Decoder(config, loadDecoderWeights(source, config));
      await score(decoder);
      decoder.dispose();
    } finally {
      source.close();
    }
  },
  async torch(bytes, folder) {
    const [path, out] = [join(folder, "x.pt"), join(folder, "converted")];
    writeFileSync(path, bytes);
    try {
      await convertToFolder(path, out, { tokenizer: writeTokenizer(join(folder, "torch-tokenizer")) });
      using model = await loadLocalModel(out);
      await score(model.decoder);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
  async tokenizer(bytes, folder) {
    writeFileSync(join(folder, "tokenizer.json"), bytes);
    exercise(await loadTokenizer(folder));
  },
};

/** A folder with links to the weights of `original`, whose JSON files may be replaced. */
function linkedFolder(folder: string, original: string): string {
  const copy = join(folder, basename(original));
  if (existsSync(copy)) return copy;
  mkdirSync(copy);
  for (const name of readdirSync(original)) {
    if (name.endsWith(".safetensors")) symlinkSync(join(original, name), join(copy, name));
  }
  return copy;
}

function readAll(file: SafetensorsFile): void {
  for (const [name, { dtype, shape }] of file.tensors) {
    expectLength(name, file.read(name).length, shape);
    if (/^B?F(16|32|64)$/.test(dtype)) expectLength(name, file.readFloat32(name).length, shape);
  }
}

/** A load that gives another number of values than the shape says is silently wrong: reported as a crash. */
function expectLength(name: string, length: number, shape: readonly number[]): void {
  const expected = shape.reduce((product, size) => product * size, 1);
  if (length !== expected) throw new RangeError(`${name} of shape [${shape}] was read as ${length} values`);
}

function exercise(tokenizer: Tokenizer): void {
  const ids = tokenizer.encode(TEXT);
  if (typeof tokenizer.decode(ids) !== "string") throw new TypeError("decode gave no text");
}

/** Runs three tokens through the model. */
async function score(decoder: Decoder): Promise<void> {
  const cache = decoder.createCache(full());
  try {
    const logits = decoder.forward(cache, [[1, 2, 3]]);
    const values = await logits.data();
    logits.dispose();
    if (values.length !== decoder.config.vocabSize) throw new RangeError(`${values.length} logits`);
  } finally {
    cache.dispose();
  }
}

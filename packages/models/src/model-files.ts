import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ByteSource, KvfoldError, openFileSource } from "@kvfold/core";
import type { ModelConfig } from "./config/model-config.js";
import { parseConfig } from "./config/parse-config.js";
import { readJsonFile } from "./config/read-json-file.js";
import { isMegatronCheckpoint } from "./megatron/checkpoint-files.js";
import { tokenizerFromGguf } from "./tokenizer/gguf-tokenizer.js";
import { loadTokenizer } from "./tokenizer/load-tokenizer.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";
import { openGguf } from "./weights/open-gguf.js";
import { openHfFolder } from "./weights/open-hf-folder.js";
import type { TensorSource } from "./weights/tensor-source.js";

/** An opened model: everything but the weights themselves, which `source` reads when asked. */
export interface ModelFiles {
  /** The folder or `.gguf` file. */
  readonly path: string;
  readonly kind: "folder" | "gguf";
  readonly config: ModelConfig;
  readonly source: TensorSource;
  /** Reads the tokenizer (slow for large vocabularies, so only when it is needed). */
  tokenizer(): Promise<Tokenizer>;
}

const maxConfigBytes = 16 * 2 ** 20;

/**
 * Opens a local model without loading weights.
 *
 * @param path a Hugging Face folder, or a `.gguf` file
 * @param open how weight files are opened; default {@link openFileSource}
 * @throws KvfoldError `model-missing` when there is nothing to open (the message says what was found), or what the config,
 * safetensors and GGUF readers throw
 */
export async function openModelFiles(
  path: string,
  open: (path: string) => ByteSource = openFileSource,
): Promise<ModelFiles> {
  if (!isFolder(path)) return openGgufModel(path, open);
  const config = await readFolderConfig(path);
  return { path, kind: "folder", config, source: openHfFolder(path, open), tokenizer: () => loadTokenizer(path) };
}

/**
 * The config of a local model, without opening its weights: a folder needs only its `config.json`.
 *
 * @param path a Hugging Face folder, or a `.gguf` file
 * @throws KvfoldError `model-missing`, or what the config and GGUF readers throw
 */
export async function readModelConfig(path: string): Promise<ModelConfig> {
  if (isFolder(path)) return readFolderConfig(path);
  const { config, source } = openGgufModel(path);
  source.close();
  return config;
}

function isFolder(path: string): boolean {
  if (existsSync(path)) return statSync(path).isDirectory();
  throw new KvfoldError(
    "model-missing",
    `There is no file or folder ${path}. Give a Hugging Face folder, a .gguf file, or a hub id (owner/name).`,
  );
}

async function readFolderConfig(path: string): Promise<ModelConfig> {
  const json = await readConfig(path, "config.json");
  if (json === undefined) throw new KvfoldError("model-missing", notAModel(path));
  return parseConfig(json, await readConfig(path, "generation_config.json"));
}

function openGgufModel(path: string, open: (path: string) => ByteSource = openFileSource): ModelFiles {
  const source = openGguf(open(path));
  try {
    const config = parseConfig(source.config());
    return { path, kind: "gguf", config, source, tokenizer: async () => tokenizerFromGguf(source.metadata) };
  } catch (error) {
    source.close();
    throw error;
  }
}

function readConfig(folder: string, name: string): Promise<unknown> {
  return readJsonFile(join(folder, name), { maxBytes: maxConfigBytes, code: "config-malformed", where: name });
}

function notAModel(path: string): string {
  const names = readdirSync(path);
  const gguf = names.filter((name) => name.endsWith(".gguf"));
  const hint =
    gguf.length > 0
      ? ` It holds ${gguf.join(", ")}: name that file itself.`
      : isMegatronCheckpoint(path)
        ? " It is a Megatron checkpoint: kvfold convert makes a folder of it."
        : "";
  return `${path} has no config.json, so it is not a Hugging Face model folder (found: ${names.slice(0, 10).join(", ") || "nothing"}).${hint}`;
}

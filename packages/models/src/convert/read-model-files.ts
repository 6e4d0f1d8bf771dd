import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError, unreadable } from "@kvfold/core";
import { parseConfig } from "../config/parse-config.js";
import { readJsonFile } from "../config/read-json-file.js";
import { ggufToTokenizerConfig, ggufToTokenizerJson } from "../tokenizer/gguf-tokenizer.js";
import { type GgufSource, openGguf } from "../weights/open-gguf.js";
import { openHfFolder } from "../weights/open-hf-folder.js";
import type { TensorSource } from "../weights/tensor-source.js";
import type { FloatDtype } from "./converted-tensors.js";

const MAX_CONFIG_BYTES = 16 * 2 ** 20;
/** What a folder has beside weights and config.json, and the converted one should have too. */
const COMPANIONS =
  /^(tokenizer(_config)?\.json|special_tokens_map\.json|generation_config\.json|chat_template\.jinja|LICENSE.*)$/;

/** A model's weights, and the content of the small files that belong beside them. */
export interface ModelFiles {
  readonly source: TensorSource;
  /** File name to content. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/**
 * Opens a GGUF file or a Hugging Face folder and makes the small files of the converted folder.
 * @param dtype written into config.json
 * @throws KvfoldError when the input is damaged or its architecture is not supported: before anything is written
 */
export async function readModelFiles(input: string, dtype: FloatDtype): Promise<ModelFiles> {
  return isFolder(input) ? readFolder(input, dtype) : readGguf(input, dtype);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readFolder(folder: string, dtype: FloatDtype): Promise<ModelFiles> {
  const options = { maxBytes: MAX_CONFIG_BYTES, code: "config-malformed", where: join(folder, "config.json") };
  const config = await readJsonFile(options.where, options);
  if (config === undefined) throw new KvfoldError("file-unreadable", `${folder} has no config.json.`);
  parseConfig(config);
  const files = new Map<string, string | Uint8Array>();
  files.set("config.json", asText(withDtype(config as Record<string, unknown>, dtype)));
  for (const name of readdirSync(folder)) {
    if (COMPANIONS.test(name) && statSync(join(folder, name)).isFile())
      files.set(name, readFileSync(join(folder, name)));
  }
  return { source: openHfFolder(folder), files };
}

function readGguf(path: string, dtype: FloatDtype): ModelFiles {
  const source = openGguf(path);
  try {
    const config = source.config();
    parseConfig(config);
    const files = new Map([
      ["config.json", asText(withDtype(config, dtype))],
      ["generation_config.json", asText(generationConfig(config, source))],
      ["tokenizer.json", asText(ggufToTokenizerJson(source.metadata))],
      ["tokenizer_config.json", asText(ggufToTokenizerConfig(source.metadata))],
    ]);
    return { source, files };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Names the weights' type under the key that the config already uses (`dtype` is what newer files say). */
function withDtype(config: Record<string, unknown>, dtype: FloatDtype): Record<string, unknown> {
  const key = "dtype" in config ? "dtype" : "torch_dtype";
  return { ...config, [key]: { f32: "float32", f16: "float16", bf16: "bfloat16" }[dtype] };
}

/** Special tokens for generation; chat models end a turn with `eot` or `eom`, which end a text too. */
function generationConfig(config: Record<string, unknown>, { metadata }: GgufSource): Record<string, unknown> {
  const ends = ["eos", "eot", "eom"].flatMap((role) => metadata.number(`tokenizer.ggml.${role}_token_id`) ?? []);
  const eos = [...new Set(ends)];
  const { bos_token_id, pad_token_id } = config;
  return { bos_token_id, eos_token_id: eos.length > 1 ? eos : eos[0], pad_token_id };
}

function asText(value: Record<string, unknown>): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

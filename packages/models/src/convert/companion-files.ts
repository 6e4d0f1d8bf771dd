import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { unreadable } from "@kvfold/core";
import { ggufToTokenizerConfig, ggufToTokenizerJson } from "../tokenizer/gguf-tokenizer.js";
import { type GgufSource, openGguf } from "../weights/open-gguf.js";
import type { FloatDtype } from "./converted-tensors.js";

/** What a folder has beside weights and config.json, and one made from it should have too. */
const COMPANIONS =
  /^(tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json|generation_config\.json|chat_template\.jinja|tokenizer\.model|vocab\.json|merges\.txt|LICENSE.*)$/;

/** True for the name of a file that {@link companions} copies. */
export function isCompanion(name: string): boolean {
  return COMPANIONS.test(name);
}

/**
 * Tokenizer, generation config, chat template and licence: of a Hugging Face folder byte for byte, of a GGUF file as
 * Hugging Face files.
 * @throws KvfoldError when the folder or file cannot be read
 */
export function companions(path: string): Map<string, string | Uint8Array> {
  if (isFolder(path)) return folderCompanions(path);
  using source = openGguf(path);
  return ggufCompanions(source);
}

/** @throws KvfoldError `file-unreadable` when there is nothing */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** As {@link companions}, of a folder. */
export function folderCompanions(folder: string): Map<string, Uint8Array> {
  const names = readdirSync(folder).filter((name) => isCompanion(name) && statSync(join(folder, name)).isFile());
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
}

/** As {@link companions}, of an open GGUF file. */
export function ggufCompanions(source: GgufSource): Map<string, string> {
  return new Map([
    ["generation_config.json", asText(generationConfig(source.config(), source))],
    ["tokenizer.json", asText(ggufToTokenizerJson(source.metadata))],
    ["tokenizer_config.json", asText(ggufToTokenizerConfig(source.metadata))],
  ]);
}

/** `config.json` with the weights' type, under the key that it already uses (`dtype` is what newer files say). */
export function configText(config: Readonly<Record<string, unknown>>, dtype: FloatDtype): string {
  const key = "dtype" in config ? "dtype" : "torch_dtype";
  return asText({ ...config, [key]: { f32: "float32", f16: "float16", bf16: "bfloat16" }[dtype] });
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

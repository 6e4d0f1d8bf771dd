import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "../config/model-config.js";
import { parseConfig } from "../config/parse-config.js";
import { readJsonFile } from "../config/read-json-file.js";
import { isMegatronCheckpoint } from "../megatron/checkpoint-files.js";
import { type MegatronOptions, readMegatronCheckpoint } from "../megatron/read-megatron-checkpoint.js";
import { openGguf } from "../weights/open-gguf.js";
import { openHfFolder } from "../weights/open-hf-folder.js";
import type { TensorSource } from "../weights/tensor-source.js";
import { configText, folderCompanions, ggufCompanions, isFolder } from "./companion-files.js";
import type { FloatDtype } from "./converted-tensors.js";

const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/** A model's weights, and the content of the small files that belong beside them. */
export interface ModelFiles {
  readonly source: TensorSource;
  readonly config: ModelConfig;
  /** File name to content. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/**
 * Opens a GGUF file, a Hugging Face folder or a Megatron checkpoint and makes the small files of the converted folder.
 * @param dtype written into config.json
 * @param options what only a Megatron checkpoint needs
 * @throws KvfoldError when the input is damaged or its architecture is not supported: before anything is written
 */
export async function readModelFiles(
  input: string,
  dtype: FloatDtype,
  options: MegatronOptions = {},
): Promise<ModelFiles> {
  if (isMegatronCheckpoint(input)) return readMegatronCheckpoint(input, dtype, options);
  if (options.tokenizer !== undefined || options.dmc) {
    throw new KvfoldError(
      "convert-options",
      `${input} is no Megatron checkpoint: it brings its own tokenizer and says itself how it was retrofitted. Leave the ` +
        "options tokenizer and dmc out.",
    );
  }
  return isFolder(input) ? readFolder(input, dtype) : readGguf(input, dtype);
}

async function readFolder(folder: string, dtype: FloatDtype): Promise<ModelFiles> {
  const options = { maxBytes: MAX_CONFIG_BYTES, code: "config-malformed", where: join(folder, "config.json") };
  const json = await readJsonFile(options.where, options);
  if (json === undefined) throw new KvfoldError("file-unreadable", `${folder} has no config.json.`);
  const config = parseConfig(json);
  const files = new Map<string, string | Uint8Array>();
  files.set("config.json", configText(json as Record<string, unknown>, dtype));
  for (const [name, content] of folderCompanions(folder)) files.set(name, content);
  return { source: openHfFolder(folder), config, files };
}

function readGguf(path: string, dtype: FloatDtype): ModelFiles {
  const source = openGguf(path);
  try {
    const json = source.config();
    const config = parseConfig(json);
    return { source, config, files: new Map([["config.json", configText(json, dtype)], ...ggufCompanions(source)]) };
  } catch (error) {
    source.close();
    throw error;
  }
}

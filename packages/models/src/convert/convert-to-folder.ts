import { setImmediate } from "node:timers/promises";
import type { ModelConfig } from "../config/model-config.js";
import type { MegatronOptions } from "../megatron/read-megatron-checkpoint.js";
import { convertedTensors, type FloatDtype } from "./converted-tensors.js";
import { readModelFiles } from "./read-model-files.js";
import { refuseOverwriting, writeFolderInPieces } from "./write-folder.js";

/** How to convert. */
export interface ConvertOptions extends MegatronOptions {
  /** Type of the weights: `f32` keeps every value as it is, `f16` and `bf16` take half the bytes. Default `f32`. */
  readonly dtype?: FloatDtype;
  /** Called after every few megabytes with the bytes written and those in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Stops the conversion; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface FolderConversion {
  /** As the written `config.json` says it. */
  readonly config: ModelConfig;
}

/**
 * Turns a model into a Hugging Face folder: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`,
 * `generation_config.json`. Tensors are read, converted and written a few megabytes at a time. The folder appears whole or
 * not at all.
 *
 * @param input a GGUF file, a Hugging Face folder (whose weights change their type), or a Megatron-core checkpoint of a
 * Llama model, for which `options.tokenizer` is needed
 * @param folder where to write; must not exist, or be empty
 * @throws KvfoldError `folder-not-empty`; `storage-not-finite` when a weight is too large for `f16`; or when the input cannot
 * be read or is not supported
 */
export async function convertToFolder(
  input: string,
  folder: string,
  options: ConvertOptions = {},
): Promise<FolderConversion> {
  const { dtype = "f32", onProgress, signal, ...megatron } = options;
  refuseOverwriting(folder);
  const { source, config, files } = await readModelFiles(input, dtype, megatron);
  try {
    const { tensors, totalBytes } = convertedTensors(source, dtype);
    for (const written of writeFolderInPieces(folder, { files, tensors })) {
      onProgress?.(Math.min(written, totalBytes), totalBytes);
      await setImmediate(); // lets signals and timers run
      signal?.throwIfAborted();
    }
    return { config };
  } finally {
    source.close();
  }
}

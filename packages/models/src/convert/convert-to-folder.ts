import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { KvfoldError, writeSafetensorsInPieces } from "@kvfold/core";
import { convertedTensors, type FloatDtype } from "./converted-tensors.js";
import { readModelFiles } from "./read-model-files.js";

/** How to convert. */
export interface ConvertOptions {
  /** Type of the weights: `f32` keeps every value as it is, `f16` and `bf16` take half the bytes. Default `f32`. */
  readonly dtype?: FloatDtype;
  /** Called after every few megabytes with the bytes written and those in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Stops the conversion; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * Turns a model into a Hugging Face folder: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`,
 * `generation_config.json`. Tensors are read, converted and written a few megabytes at a time. The folder appears whole or
 * not at all.
 *
 * @param input a GGUF file, or a Hugging Face folder (whose weights change their type)
 * @param folder where to write; must not exist, or be empty
 * @throws KvfoldError `folder-not-empty`; `storage-not-finite` when a weight is too large for `f16`; or when the input cannot
 * be read or is not supported
 */
export async function convertToFolder(input: string, folder: string, options: ConvertOptions = {}): Promise<void> {
  const { dtype = "f32", onProgress, signal } = options;
  refuseOverwriting(folder);
  const { source, files } = await readModelFiles(input, dtype);
  const temporary = `${resolve(folder)}.${process.pid}.tmp`;
  try {
    mkdirSync(temporary, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(temporary, name), content);
    const { tensors, totalBytes } = convertedTensors(source, dtype);
    const weights = join(temporary, "model.safetensors");
    for (const written of writeSafetensorsInPieces(weights, tensors, { format: "pt" })) {
      onProgress?.(Math.min(written, totalBytes), totalBytes);
      await setImmediate(); // lets signals and timers run
      signal?.throwIfAborted();
    }
    if (existsSync(folder)) rmdirSync(folder);
    renameSync(temporary, folder);
  } catch (cause) {
    if (KvfoldError.isInstance(cause) || signal?.aborted) throw cause;
    throw new KvfoldError("file-unwritable", `Cannot write ${folder}: ${(cause as Error).message}.`, { cause });
  } finally {
    source.close();
    rmSync(temporary, { recursive: true, force: true }); // already renamed when all went well
  }
}

function refuseOverwriting(folder: string): void {
  if (!existsSync(folder)) return;
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new KvfoldError("folder-not-empty", `${folder} is a file; name a new folder.`, { cause });
  }
  if (names.length > 0) {
    throw new KvfoldError(
      "folder-not-empty",
      `${folder} is not empty (${names.slice(0, 5).join(", ")}); name a new folder, nothing is overwritten.`,
    );
  }
}

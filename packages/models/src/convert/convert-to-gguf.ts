import { existsSync, statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { KvfoldError, unreadable } from "@kvfold/core";
import { ggufByteLength, writeGgufInPieces } from "../gguf/write-gguf.js";
import { isMegatronCheckpoint } from "../megatron/checkpoint-files.js";
import { ggufFromFolder } from "./gguf-from-folder.js";
import { ggufFromGguf } from "./gguf-from-gguf.js";
import { type GgufWeightType, ggufWeightFormat } from "./gguf-weight-types.js";

/** How to convert. */
export interface ConvertToGgufOptions {
  /** Type of the matrices. Default `Q8_0`. */
  readonly weights?: GgufWeightType;
  /** Called after every few megabytes with the bytes written and those in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Stops the conversion; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** What came of a conversion. */
export interface GgufConversion {
  /** Matrices that stay in F16, because their rows are not whole blocks of the type asked for. */
  readonly keptF16: readonly string[];
}

/**
 * Writes a model as a GGUF file, its matrices by the rules and with the bytes of llama.cpp's reference encoder. Vectors (norms,
 * biases) become F32. Tensors are read, converted and written a few megabytes at a time; the file appears whole or not at all.
 *
 * From a GGUF file, all metadata (tokenizer and chat template among them) are copied as they are, but for `general.file_type` and
 * `general.quantization_version`. From a Hugging Face folder they are made for the architectures llama, mistral, qwen2, qwen3 and
 * smollm3 with a byte-level BPE tokenizer.
 *
 * @param input a GGUF file or a Hugging Face folder
 * @param path where to write; must not exist
 * @throws KvfoldError `file-exists`; `storage-not-finite` when a weight does not fit the type; `model-unsupported` or
 * `tokenizer-unsupported` when GGUF has no form for the model; or when the input cannot be read
 */
export async function convertToGguf(
  input: string,
  path: string,
  { weights = "Q8_0", onProgress, signal }: ConvertToGgufOptions = {},
): Promise<GgufConversion> {
  if (existsSync(path)) {
    throw new KvfoldError("file-exists", `${path} exists; name a new file, nothing is overwritten.`);
  }
  if (isMegatronCheckpoint(input)) {
    throw new KvfoldError(
      "megatron-unsupported",
      `${input} is a Megatron checkpoint; convert it to a folder first (convertToFolder), then that to ${path}.`,
    );
  }
  const plan = isFolder(input) ? await ggufFromFolder(input, weights) : ggufFromGguf(input, weights);
  try {
    const totalBytes = ggufByteLength(plan);
    for (const written of writeGgufInPieces(path, plan)) {
      onProgress?.(written, totalBytes);
      await setImmediate(); // lets signals and timers run
      signal?.throwIfAborted();
    }
  } finally {
    plan.close();
  }
  const asked = ggufWeightFormat(weights);
  const kept = plan.tensors.filter(({ ne, format }) => ne.length > 1 && format !== asked);
  return { keptF16: kept.map(({ name }) => name) };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

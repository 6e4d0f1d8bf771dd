import { existsSync, statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { KvfoldError, unreadable } from "@kvfold/core";
import { ggufByteLength, writeGgufInPieces } from "../gguf/write-gguf.js";
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
 * Writes a GGUF file again with its matrices in another type, by the rules and with the bytes of llama.cpp's reference encoder.
 * Vectors (norms, biases) become F32. All metadata, with tokenizer and chat template, are copied as they are, but for
 * `general.file_type` and `general.quantization_version`. Tensors are read, converted and written a few megabytes at a time; the
 * file appears whole or not at all.
 *
 * @param input a GGUF file
 * @param path where to write; must not exist
 * @throws KvfoldError `file-exists`; `storage-not-finite` when a weight does not fit the type; or when the input cannot be
 * read or is not supported
 */
export async function convertToGguf(
  input: string,
  path: string,
  { weights = "Q8_0", onProgress, signal }: ConvertToGgufOptions = {},
): Promise<GgufConversion> {
  if (existsSync(path)) {
    throw new KvfoldError("file-exists", `${path} exists; name a new file, nothing is overwritten.`);
  }
  refuseFolder(input);
  const plan = ggufFromGguf(input, weights);
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

function refuseFolder(input: string): void {
  let folder: boolean;
  try {
    folder = statSync(input).isDirectory();
  } catch (cause) {
    throw unreadable(input, cause);
  }
  if (folder) {
    throw new KvfoldError(
      "model-unsupported",
      `${input} is a folder; only GGUF files can be written as GGUF. Make one with llama.cpp's convert_hf_to_gguf.py first.`,
    );
  }
}

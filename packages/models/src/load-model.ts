import { type ByteSource, memorySource, openFileSource, packedSupport } from "@kvfold/core";
import { checkVocabulary } from "./check-vocabulary.js";
import { Decoder } from "./decoder/decoder.js";
import { type LoadProgress, loadDecoderWeights } from "./decoder/load-decoder-weights.js";
import { type ResolveModelOptions, resolveModel } from "./hub/resolve-model.js";
import { LanguageModel } from "./language-model.js";
import { openModelFiles } from "./model-files.js";
import type { WeightStorage } from "./weights/weight-storage.js";

/** Options of {@link loadLocalModel}. */
export interface LoadModelOptions {
  /** Told after each tensor: bytes read so far, and of all. */
  readonly onProgress?: LoadProgress;
  /** How matrices are held in memory. Default `auto`: as stored, where the backend computes on that. */
  readonly weights?: WeightStorage;
}

/**
 * Loads a local model onto the current TensorFlow.js backend (call `chooseBackend` first).
 *
 * @param path a Hugging Face folder, or a `.gguf` file
 * @throws KvfoldError that says what is wrong with the files and what would be right
 */
export async function loadLocalModel(path: string, options: LoadModelOptions = {}): Promise<LanguageModel> {
  const files = await openModelFiles(path, openWeights);
  try {
    const tokenizer = await files.tokenizer();
    checkVocabulary(files.config, tokenizer, path);
    const weights = loadDecoderWeights(files.source, files.config, options);
    return new LanguageModel(path, new Decoder(files.config, weights), tokenizer, () => files.source.close());
  } catch (error) {
    files.source.close();
    throw error;
  }
}

/** Options of {@link loadModel}. */
export interface LoadAnyModelOptions {
  /** Told as bytes arrive or are read: done, of all, and which of the two it is. */
  readonly onProgress?: (done: number, total: number, what: "downloading" | "loading") => void;
  /** See {@link LoadModelOptions.weights}. */
  readonly weights?: WeightStorage;
  /** How the hub is reached and where downloads are kept. */
  readonly hub?: Omit<ResolveModelOptions, "onProgress" | "withoutWeights">;
}

/**
 * Loads a model by what it is called: a Hugging Face folder, a `.gguf` file, or a hub id, which is downloaded once.
 *
 * @param spec local path, `owner/name`, `owner/name@revision` or `owner/name/file.gguf`
 * @throws KvfoldError as {@link resolveModel} and {@link loadLocalModel}
 */
export async function loadModel(spec: string, options: LoadAnyModelOptions = {}): Promise<LanguageModel> {
  const { onProgress } = options;
  const { path } = await resolveModel(spec, {
    ...options.hub,
    onProgress: ({ doneBytes, totalBytes }) => onProgress?.(doneBytes, totalBytes, "downloading"),
  });
  return loadLocalModel(path, {
    onProgress: (done, total) => onProgress?.(done, total, "loading"),
    ...(options.weights === undefined ? {} : { weights: options.weights }),
  });
}

/** Maps a weight file where the backend computes on packed weights, so that they are read in place. */
function openWeights(path: string): ByteSource {
  const mapped = packedSupport()?.mapFile?.(path);
  return mapped ? memorySource(mapped.bytes, path, () => mapped.dispose()) : openFileSource(path);
}

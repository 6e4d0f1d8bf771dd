import { checkVocabulary } from "./check-vocabulary.js";
import { Decoder } from "./decoder/decoder.js";
import { type LoadProgress, loadDecoderWeights } from "./decoder/load-decoder-weights.js";
import { type ResolveModelOptions, resolveModel } from "./hub/resolve-model.js";
import { LanguageModel } from "./language-model.js";
import { openModelFiles } from "./model-files.js";

/** Options of {@link loadLocalModel}. */
export interface LoadModelOptions {
  /** Told after each tensor: bytes read so far, and of all. */
  readonly onProgress?: LoadProgress;
}

/**
 * Loads a local model onto the current TensorFlow.js backend (call `chooseBackend` first).
 *
 * @param path a Hugging Face folder, or a `.gguf` file
 * @throws KvfoldError that says what is wrong with the files and what would be right
 */
export async function loadLocalModel(path: string, options: LoadModelOptions = {}): Promise<LanguageModel> {
  const files = await openModelFiles(path);
  try {
    const tokenizer = await files.tokenizer();
    checkVocabulary(files.config, tokenizer, path);
    const weights = loadDecoderWeights(files.source, files.config, options.onProgress);
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
  return loadLocalModel(path, { onProgress: (done, total) => onProgress?.(done, total, "loading") });
}

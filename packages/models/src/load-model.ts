import { checkVocabulary } from "./check-vocabulary.js";
import { Decoder } from "./decoder/decoder.js";
import { type LoadProgress, loadDecoderWeights } from "./decoder/load-decoder-weights.js";
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

import { KvfoldError } from "@kvfold/core";
import type { ModelConfig } from "./config/model-config.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/**
 * Refuses a tokenizer that can produce ids which the model lacks. The reverse is fine: vocabularies are often padded.
 *
 * @throws KvfoldError `tokenizer-mismatch`
 */
export function checkVocabulary(config: ModelConfig, tokenizer: Tokenizer, path: string): void {
  if (tokenizer.vocabSize <= config.vocabSize) return;
  throw new KvfoldError(
    "tokenizer-mismatch",
    `${path}: the tokenizer has ${tokenizer.vocabSize} ids, the model's vocabulary only ${config.vocabSize}. They belong to different models: take the tokenizer files from the folder of this model.`,
  );
}

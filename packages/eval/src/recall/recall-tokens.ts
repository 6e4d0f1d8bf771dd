import type { Tokenizer } from "@kvfold/models";
import type { RecallTask } from "./recall-task.js";

/** A task in a model's tokens. */
export interface RecallTokens {
  readonly prompt: Int32Array;
  /** Tokens that must follow. */
  readonly answer: Int32Array;
}

/**
 * Splits the tokens of prompt and answer where the prompt alone stops to be tokenized in the same way, so that the answer
 * is spelled as the model would spell it.
 */
export function recallTokens(
  { prompt, answer }: Pick<RecallTask, "prompt" | "answer">,
  tokenizer: Tokenizer,
): RecallTokens {
  const alone = tokenizer.encode(prompt);
  const both = tokenizer.encode(prompt + answer);
  let split = 0;
  while (split < alone.length && alone[split] === both[split]) split++;
  return { prompt: both.subarray(0, split), answer: both.subarray(split) };
}

import { KvfoldError } from "@kvfold/core";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { type ChatMessage, type RenderChatOptions, renderChat } from "./render-chat.js";

/** Options of {@link chatText} and {@link encodeChat}; BOS and EOS come from the tokenizer. */
export interface EncodeChatOptions extends Omit<RenderChatOptions, "bosToken" | "eosToken"> {
  /** Name of the template; default `tool_use` where there are tools and the model has one, else `default`. */
  readonly template?: string;
}

/**
 * A conversation as the prompt text of a model.
 *
 * @throws KvfoldError `chat-template-missing` for base models, else as {@link renderChat}
 */
export function chatText(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: EncodeChatOptions = {},
): string {
  const { template: name, ...rest } = options;
  return renderChat(chooseTemplate(tokenizer, name, (options.tools?.length ?? 0) > 0), messages, {
    ...rest,
    bosToken: tokenText(tokenizer, tokenizer.bosId),
    eosToken: tokenText(tokenizer, tokenizer.eosIds[0]),
  });
}

/**
 * A conversation as token ids: {@link chatText}, with the template's special tokens read as such and none added.
 * The text of messages is not told apart from the template: who can write `<|im_end|>` into a message can end a turn.
 */
export function encodeChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: EncodeChatOptions = {},
): Int32Array {
  return tokenizer.encode(chatText(tokenizer, messages, options), { addSpecialTokens: false });
}

function chooseTemplate(tokenizer: Tokenizer, name: string | undefined, tools: boolean): string {
  const { chatTemplates } = tokenizer;
  const wanted = name ?? (tools && chatTemplates.has("tool_use") ? "tool_use" : "default");
  const template = chatTemplates.get(wanted);
  if (template !== undefined) return template;
  throw new KvfoldError(
    "chat-template-missing",
    chatTemplates.size === 0
      ? "The model has no chat template: it is a base model, which continues text. Give it a plain prompt, or use an instruction-tuned model."
      : `The model has no chat template "${wanted}". Available: ${[...chatTemplates.keys()].join(", ")}.`,
  );
}

function tokenText(tokenizer: Tokenizer, id: number | undefined): string {
  return (id === undefined ? undefined : tokenizer.idToToken(id)) ?? "";
}

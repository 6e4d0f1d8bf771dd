import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { readJsonFile, readTextFile } from "../config/read-json-file.js";
import { createTokenizer } from "./create-tokenizer.js";
import type { Tokenizer } from "./tokenizer.js";
import { parseTokenizerConfig } from "./tokenizer-config.js";

/** The largest real tokenizer.json (Gemma 3) has 33 MB. */
const MAX_TOKENIZER_BYTES = 96 * 2 ** 20;
const MAX_CONFIG_BYTES = 16 * 2 ** 20;
const MAX_TEMPLATE_BYTES = 2 ** 20;

/**
 * Tokenizer of a Hugging Face folder: `tokenizer.json`, with `tokenizer_config.json` (special tokens, chat template) and
 * `chat_template.jinja` where they are there.
 *
 * @param folder path of the folder
 * @throws KvfoldError `tokenizer-missing` when there is no tokenizer.json (the message lists what there is), else as
 * {@link createTokenizer}
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const json = await readJsonFile(join(folder, "tokenizer.json"), {
    maxBytes: MAX_TOKENIZER_BYTES,
    code: "tokenizer-malformed",
    where: "tokenizer.json",
  });
  if (json === undefined) throw await missing(folder);
  const where = "tokenizer_config.json";
  const code = "tokenizer-config-malformed";
  const configJson = await readJsonFile(join(folder, where), { maxBytes: MAX_CONFIG_BYTES, code, where });
  const config = parseTokenizerConfig(configJson);
  const template = await readTextFile(join(folder, "chat_template.jinja"), {
    maxBytes: MAX_TEMPLATE_BYTES,
    code: "chat-template",
    where: "chat_template.jinja",
  });
  const chatTemplates = new Map(config.chatTemplates);
  if (template !== undefined) chatTemplates.set("default", template);
  return createTokenizer(json, { ...config, chatTemplates });
}

async function missing(folder: string): Promise<KvfoldError> {
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) return new KvfoldError("tokenizer-missing", `${folder} is not a folder that can be read.`);
  const found = names.filter((name) => /token|vocab|merges/i.test(name)).slice(0, 10);
  return new KvfoldError(
    "tokenizer-missing",
    `${folder} has no tokenizer.json (other tokenizer files there: ${found.join(", ") || "none"}). ` +
      "Save the tokenizer in its fast form (transformers: AutoTokenizer.from_pretrained(...).save_pretrained(...)), or use a GGUF file.",
  );
}

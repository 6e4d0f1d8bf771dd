import { createHash } from "node:crypto";
import { join } from "node:path";
import { openFileSource } from "@kvfold/core";
import { ggufToTokenizerJson, loadTokenizer, openGguf, type Tokenizer, tokenizerFromGguf } from "@kvfold/models";
import { filesSha256 } from "./files-sha256.js";

/**
 * Loads a tokenizer.
 *
 * @param path Hugging Face folder, or a `.gguf` file
 * @throws KvfoldError as `loadTokenizer` and `tokenizerFromGguf`
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  if (!isGguf(path)) return loadTokenizer(path);
  using source = openGguf(openFileSource(path));
  return tokenizerFromGguf(source.metadata);
}

/**
 * SHA-256, hex, of a `tokenizer.json`; compare it with a shard's. Of a `.gguf` file: of the `tokenizer.json` that a folder
 * made from it has.
 *
 * @param path Hugging Face folder, or a `.gguf` file
 * @throws KvfoldError `file-unreadable`, or what the GGUF reader throws
 */
export async function tokenizerSha256(path: string): Promise<string> {
  if (!isGguf(path)) return filesSha256([join(path, "tokenizer.json")]);
  using source = openGguf(openFileSource(path));
  const text = `${JSON.stringify(ggufToTokenizerJson(source.metadata), undefined, 2)}\n`;
  return createHash("sha256").update(text).digest("hex");
}

function isGguf(path: string): boolean {
  return path.endsWith(".gguf");
}

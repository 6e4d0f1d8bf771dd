import { statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { KvfoldError, unreadable } from "@kvfold/core";
import { filesSha256 } from "./files-sha256.js";
import type { ShardHeader } from "./shard-header.js";
import { ShardWriter } from "./shard-writer.js";
import { sourceDocuments } from "./source-documents.js";
import { textPieces } from "./text-pieces.js";
import { openTokenizer, tokenizerSha256 } from "./tokenizer-source.js";

/** Options of {@link tokenizeFiles}. */
export interface TokenizeOptions {
  /** Field of jsonl, column of parquet files that holds the text. Default `text`. */
  readonly field?: string | undefined;
  /**
   * For prose: drops carriage returns, makes one space of each run of spaces and tabs, and removes white space at both ends
   * of a document. Default false: texts stay as they are.
   */
  readonly normalizeBlanks?: boolean | undefined;
  /** Called after every piece (100,000 characters) with the tokens so far and the source bytes finished and in all. */
  readonly onProgress?: ((progress: TokenizeProgress) => void) | undefined;
  /** Stops; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/** How far {@link tokenizeFiles} is. */
export interface TokenizeProgress {
  readonly tokens: number;
  readonly documents: number;
  /** Source file at work. */
  readonly file: string;
  /** Bytes of the files that are done. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/**
 * Turns text, jsonl and parquet files into one token shard. Every document opens with the tokenizer's begin token and is
 * tokenized in pieces of 100,000 characters; names of special tokens in the text are spelled out like other text. Documents
 * without text are left out. Reads and writes piece by piece; the shard appears whole or not at all.
 *
 * @param files source files; documents stand in the shard in this order
 * @param tokenizerFrom Hugging Face folder, or a `.gguf` file
 * @param output path of the shard, by convention `*.kvtok`
 * @throws KvfoldError `file-unreadable`, `jsonl-malformed`, `parquet-malformed`, `tokenizer-no-begin`, `shard-empty`,
 * `file-unwritable`, and as {@link openTokenizer}
 */
export async function tokenizeFiles(
  files: readonly string[],
  tokenizerFrom: string,
  output: string,
  options: TokenizeOptions = {},
): Promise<ShardHeader> {
  const { field = "text", normalizeBlanks = false, onProgress, signal } = options;
  const tokenizer = await openTokenizer(tokenizerFrom);
  const { bosId: beginId, vocabSize } = tokenizer;
  if (beginId === undefined) {
    throw new KvfoldError(
      "tokenizer-no-begin",
      `The tokenizer of ${tokenizerFrom} has no begin token; name one as bos_token in its tokenizer_config.json.`,
    );
  }
  const totalBytes = files.reduce((sum, file) => sum + fileSize(file), 0);
  using writer = new ShardWriter(output, {
    vocabSize,
    beginId,
    sourceSha256: await filesSha256(files),
    tokenizerSha256: await tokenizerSha256(tokenizerFrom),
  });
  let doneBytes = 0;
  for (const file of files) {
    for await (const document of sourceDocuments(file, field)) {
      let first = true;
      for await (const piece of textPieces(document, normalizeBlanks)) {
        signal?.throwIfAborted();
        if (first) writer.begin();
        first = false;
        writer.append(tokenizer.encode(piece, { addSpecialTokens: false, parseSpecialTokens: false }));
        const { length: tokens, documents } = writer;
        onProgress?.({ tokens, documents, file, doneBytes, totalBytes });
        await setImmediate(); // lets signals and timers run
      }
    }
    doneBytes += fileSize(file);
  }
  return writer.finish();
}

function fileSize(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

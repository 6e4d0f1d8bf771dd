import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import type { Tokenizer } from "@kvfold/models";
import { globSync, isDynamicPattern } from "tinyglobby";
import type { DataRecipe, Recipe } from "../recipe/recipe.js";
import type { BatchSource } from "./batch.js";
import { filesSha256 } from "./files-sha256.js";
import { openShard, type TokenShard } from "./token-shard.js";
import { joinStreams } from "./token-stream.js";
import { tokenizeFiles } from "./tokenize-files.js";
import { tokenizerSha256 } from "./tokenizer-source.js";
import { trainingBatches } from "./training-batches.js";

/** What a run reads: batches, and the text that it never trains on. */
export interface TrainingData extends Disposable {
  readonly source: BatchSource;
  /** Tokens at the end of the stream. */
  readonly heldOut: Int32Array;
  /** SHA-256, hex, that stands for all tokens: of the checksums in the shards' headers. */
  readonly sha256: string;
}

/** Where a run's data and tokenizer come from. */
export interface TrainingDataPlace {
  readonly tokenizer: Tokenizer;
  /** Folder or `.gguf` file of the tokenizer; a shard is compared with it. */
  readonly tokenizerFrom: string;
  /** Of the model. */
  readonly vocabSize: number;
  /** Folder that the shard of text files is written to, and found in again; it is made when it is needed. */
  readonly folder: string;
  /** Stops the tokenizing of text files; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the data of a recipe. Token shards are used as they are; text, jsonl and parquet files become one more shard behind
 * them, once: its name stands for their bytes, the tokenizer and how they are read.
 *
 * @throws KvfoldError `data-missing` when no file matches, `shard-tokenizer` when a shard was made with another tokenizer, or
 * what reading the files throws
 */
export async function openTrainingData(
  { data, seed, batch }: Pick<Recipe, "data" | "seed" | "batch">,
  place: TrainingDataPlace,
): Promise<TrainingData> {
  const files = matching(data.files);
  const shards = files.filter((file) => file.endsWith(".kvtok"));
  const texts = files.filter((file) => !file.endsWith(".kvtok"));
  const tokenizerSha = await tokenizerSha256(place.tokenizerFrom);
  if (texts.length > 0) shards.push(await shardOf(texts, data, tokenizerSha, place));
  const opened: TokenShard[] = [];
  const close = () => {
    for (const shard of opened.splice(0)) shard.close();
  };
  try {
    for (const path of shards) opened.push(openShard(path));
    for (const shard of opened) checkTokenizer(shard, tokenizerSha, place);
    const stream = joinStreams(opened);
    const source = trainingBatches({ ...batch, ...data, stream, seed, tokenizer: place.tokenizer });
    const heldOut = new Int32Array(data.heldOut);
    stream.read(stream.length - heldOut.length, heldOut);
    const sha256 = sha256Of(opened.map(({ tokensSha256 }) => tokensSha256));
    return { source, heldOut, sha256, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

function matching(patterns: readonly string[]): string[] {
  const files = patterns.flatMap((pattern) =>
    isDynamicPattern(pattern) ? globSync(pattern, { absolute: true, expandDirectories: false }).sort() : [pattern],
  );
  if (files.length > 0) return files;
  throw new KvfoldError("data-missing", `No file matches ${patterns.join(", ")}; name token shards or text files.`);
}

/** @returns path of the shard that holds the texts */
async function shardOf(
  texts: readonly string[],
  { field, normalizeBlanks }: DataRecipe,
  tokenizerSha: string,
  { folder, tokenizerFrom, signal }: TrainingDataPlace,
): Promise<string> {
  const name = sha256Of([await filesSha256(texts), tokenizerSha, field, normalizeBlanks]).slice(0, 16);
  const path = join(folder, `data-${name}.kvtok`);
  if (existsSync(path)) return path; // shards appear whole or not at all
  mkdirSync(folder, { recursive: true });
  await tokenizeFiles(texts, tokenizerFrom, path, { field, normalizeBlanks, signal });
  return path;
}

function sha256Of(values: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(values)).digest("hex");
}

function checkTokenizer(
  shard: TokenShard,
  tokenizerSha: string,
  { tokenizerFrom, vocabSize }: TrainingDataPlace,
): void {
  if (shard.tokenizerSha256 !== tokenizerSha) {
    throw new KvfoldError(
      "shard-tokenizer",
      `${shard.path} was made with another tokenizer than that of ${tokenizerFrom}; make it anew with ` +
        `kvfold train tokenize FILES --tokenizer ${tokenizerFrom} --out ${shard.path}.`,
    );
  }
  if (shard.vocabSize > vocabSize) {
    throw new KvfoldError(
      "shard-tokenizer",
      `${shard.path} has token ids up to ${shard.vocabSize - 1}, but the model only ${vocabSize}: the tokenizer of ` +
        `${tokenizerFrom} does not fit the model.`,
    );
  }
}

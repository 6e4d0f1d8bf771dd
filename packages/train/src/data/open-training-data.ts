import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import type { Tokenizer } from "@kvfold/models";
import { globSync, isDynamicPattern } from "tinyglobby";
import type { Recipe } from "../recipe/recipe.js";
import type { BatchSource } from "./batch.js";
import { openShard, type TokenShard } from "./token-shard.js";
import { joinStreams } from "./token-stream.js";
import { filesSha256, tokenizeFiles, tokenizerSha256 } from "./tokenize-files.js";
import { trainingBatches } from "./training-batches.js";

/** What a run reads: batches, and the text that it never trains on. */
export interface TrainingData extends Disposable {
  readonly source: BatchSource;
  /** Tokens at the end of the stream. */
  readonly heldOut: Int32Array;
}

/** Where a run's data and tokenizer come from. */
export interface TrainingDataPlace {
  readonly tokenizer: Tokenizer;
  /** Folder of the tokenizer; a shard is compared with it. */
  readonly tokenizerFrom: string;
  readonly vocabSize: number;
}

/**
 * Opens the data of a recipe. Text, jsonl and parquet files become a shard in the run's folder first (once); token shards
 * are used as they are.
 *
 * @throws KvfoldError `data-missing` when no file matches, `shard-tokenizer` when a shard was made with another tokenizer, or
 * what reading the files throws
 */
export async function openTrainingData(recipe: Recipe, place: TrainingDataPlace): Promise<TrainingData> {
  const files = matching(recipe.data.files);
  const shards = files.filter((file) => file.endsWith(".kvtok"));
  const texts = files.filter((file) => !file.endsWith(".kvtok"));
  if (texts.length > 0) shards.push(await shardOf(texts, recipe.output, place.tokenizerFrom));
  const opened: TokenShard[] = [];
  const close = () => {
    for (const shard of opened.splice(0)) shard.close();
  };
  try {
    for (const path of shards) opened.push(openShard(path));
    await checkTokenizer(opened, place);
    const stream = joinStreams(opened);
    const source = trainingBatches({
      stream,
      heldOut: recipe.data.heldOut,
      seed: recipe.seed,
      ...recipe.batch,
      recall: recipe.data.recall,
      tokenizer: place.tokenizer,
    });
    const heldOut = new Int32Array(recipe.data.heldOut);
    stream.read(stream.length - heldOut.length, heldOut);
    return { source, heldOut, [Symbol.dispose]: close };
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

async function shardOf(texts: readonly string[], output: string, tokenizerFrom: string): Promise<string> {
  const path = join(output, "data.kvtok");
  if (existsSync(path)) {
    using shard = openShard(path);
    if (shard.sourceSha256 === (await filesSha256(texts))) return path;
  }
  mkdirSync(output, { recursive: true });
  await tokenizeFiles(texts, tokenizerFrom, path);
  return path;
}

async function checkTokenizer(shards: readonly TokenShard[], place: TrainingDataPlace): Promise<void> {
  const own = await tokenizerSha256(place.tokenizerFrom);
  for (const { path, tokenizerSha256: made, vocabSize } of shards) {
    if (made !== own || vocabSize > place.vocabSize) {
      throw new KvfoldError(
        "shard-tokenizer",
        `${path} was made with another tokenizer than that of ${place.tokenizerFrom}; make it anew with ` +
          `kvfold train tokenize FILES --tokenizer ${place.tokenizerFrom}.`,
      );
    }
  }
}

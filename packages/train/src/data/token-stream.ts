import { KvfoldError } from "@kvfold/core";

/** Tokens one after another, each document opened by the begin token: a shard, or several as one. */
export interface TokenStream {
  /** Tokens in all. */
  readonly length: number;
  /** Largest id + 1. */
  readonly vocabSize: number;
  /** Token that opens every document. */
  readonly beginId: number;
  /**
   * Fills `target` with the tokens from `start` on.
   * @throws KvfoldError `tokens-out-of-range`
   */
  read(start: number, target: Int32Array): void;
}

/** @throws KvfoldError `tokens-out-of-range` when `[start, start + count)` is not inside the stream */
export function checkTokens(stream: Pick<TokenStream, "length">, start: number, count: number): void {
  if (Number.isSafeInteger(start) && start >= 0 && count <= stream.length - start) return;
  throw new KvfoldError(
    "tokens-out-of-range",
    `Tokens ${start} to ${start + count} were asked for, but the stream has ${stream.length}.`,
  );
}

/**
 * Several streams as one, in the given order.
 *
 * @throws KvfoldError `shards-differ` when their tokenizers cannot be the same
 */
export function joinStreams(streams: readonly TokenStream[]): TokenStream {
  const [first] = streams;
  if (first === undefined) throw new KvfoldError("shards-differ", "Give at least one token shard.");
  for (const { vocabSize, beginId } of streams) {
    if (vocabSize === first.vocabSize && beginId === first.beginId) continue;
    throw new KvfoldError(
      "shards-differ",
      `The shards come from different tokenizers: vocabulary ${first.vocabSize}, begin token ${first.beginId}, and ` +
        `vocabulary ${vocabSize}, begin token ${beginId}. Make them with one tokenizer.`,
    );
  }
  if (streams.length === 1) return first;
  const ends: number[] = [];
  for (const { length } of streams) ends.push((ends.at(-1) ?? 0) + length);
  return {
    length: ends.at(-1) as number,
    vocabSize: first.vocabSize,
    beginId: first.beginId,
    read(start, target) {
      checkTokens(this, start, target.length);
      let at = ends.findIndex((end) => end > start);
      for (let done = 0; done < target.length; at++) {
        const stream = streams[at] as TokenStream;
        const from = start + done - ((ends[at] as number) - stream.length);
        const count = Math.min(target.length - done, stream.length - from);
        stream.read(from, target.subarray(done, done + count));
        done += count;
      }
    },
  };
}

import { Random } from "@kvfold/models";
import { checkTokens, type TokenStream } from "./token-stream.js";

/** For tests: a stream in memory. */
export function memoryStream(tokens: Int32Array, vocabSize: number, beginId = 0): TokenStream {
  return {
    length: tokens.length,
    vocabSize,
    beginId,
    read(start, target) {
      checkTokens(this, start, target.length);
      target.set(tokens.subarray(start, start + target.length));
    },
  };
}

/** For tests: documents of random lengths, opened by token 0; the token at each place is known from the seed. */
export function randomStream(seed: number, length: number, longest: number, vocabSize = 4096): TokenStream {
  const random = new Random(seed);
  const tokens = new Int32Array(length);
  for (let at = 0; at < length; ) {
    const end = Math.min(length, at + 1 + Math.floor(random.next() * longest));
    for (let i = at + 1; i < end; i++) tokens[i] = 1 + Math.floor(random.next() * (vocabSize - 1));
    at = end;
  }
  return memoryStream(tokens, vocabSize);
}

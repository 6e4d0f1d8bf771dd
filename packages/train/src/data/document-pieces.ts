import type { TrainingPart } from "./text-rows.js";

/** Stretches of a stream, each within one document. */
export interface DocumentPieces {
  /** Places of their first tokens in the stream. */
  readonly starts: Float64Array;
  /** Their tokens, 2..length. */
  readonly sizes: Int32Array;
  /** 1: the document goes on behind the piece, so that its last token has a label. */
  readonly goesOn: Uint8Array;
}

/** Tokens read at a time. */
const CHUNK = 1 << 16;

/**
 * Documents of the trained part, each whole where it has at most `length` tokens, else cut into pieces of `length`. Reads
 * the part once. Stretches of a single token, which would teach nothing, are left out.
 */
export function documentPieces({ stream, trained }: TrainingPart, length: number): DocumentPieces {
  const starts: number[] = [];
  const sizes: number[] = [];
  const goesOn: number[] = [];
  const document = (start: number, end: number) => {
    for (let at = start; end - at >= 2; at += length) {
      starts.push(at);
      sizes.push(Math.min(length, end - at));
      goesOn.push(at + length < end ? 1 : 0);
    }
  };
  let start = 0;
  const buffer = new Int32Array(CHUNK);
  for (let at = 0; at < trained; at += CHUNK) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, trained - at));
    stream.read(at, chunk);
    for (let i = chunk.indexOf(stream.beginId); i >= 0; i = chunk.indexOf(stream.beginId, i + 1)) {
      document(start, at + i);
      start = at + i;
    }
  }
  document(start, trained);
  return { starts: Float64Array.from(starts), sizes: Int32Array.from(sizes), goesOn: Uint8Array.from(goesOn) };
}

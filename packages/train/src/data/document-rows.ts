import { KvfoldError } from "@kvfold/core";
import { UNSCORED } from "./batch-row.js";
import { documentPieces } from "./document-pieces.js";
import { packRows } from "./pack-rows.js";
import { seededRandom } from "./seeded-random.js";
import { shuffle } from "./shuffle.js";
import type { TextRows, TrainingPart } from "./text-rows.js";

/** Keeps the order of an epoch apart from the other random numbers of a run. */
const EPOCHS = 2;

/**
 * Rows of whole documents: each document lies in one row, where it fits into one; a longer one is cut into pieces. Rows are
 * packed once and come in another order in each epoch, so every token is read once an epoch. What is left of a row is
 * filled with begin tokens that are not scored.
 *
 * @throws KvfoldError `data-too-short` when the trained part has no document of two tokens
 */
export function documentRows(part: TrainingPart, length: number, seed: number): TextRows {
  const { stream } = part;
  const { starts, sizes, goesOn } = documentPieces(part, length);
  const { pieces, rowStarts } = packRows(sizes, length);
  const rows = rowStarts.length - 1;
  if (rows === 0) {
    throw new KvfoldError(
      "data-too-short",
      `The ${part.trained} tokens of training text hold no document of two tokens. Give more text, or hold out less.`,
    );
  }
  const orderOf = lastOnly((epoch) =>
    shuffle(
      seededRandom(seed, epoch, EPOCHS),
      Int32Array.from({ length: rows }, (_, row) => row),
    ),
  );
  const window = new Int32Array(length + 1);
  return {
    fill(number, { tokens, labels, documents }) {
      const packed = orderOf(Math.floor(number / rows))[number % rows] as number;
      let at = 0;
      let document = 0;
      for (const piece of pieces.subarray(rowStarts[packed], rowStarts[packed + 1])) {
        const size = sizes[piece] as number;
        const labelled = size - 1 + (goesOn[piece] as number);
        const read = window.subarray(0, labelled + 1);
        stream.read(starts[piece] as number, read);
        tokens.set(read.subarray(0, size), at);
        labels.set(read.subarray(1), at);
        if (labelled < size) labels[at + labelled] = UNSCORED;
        documents.fill(document++, at, at + size);
        at += size;
      }
      tokens.fill(stream.beginId, at);
      labels.fill(UNSCORED, at);
      documents.fill(document, at);
    },
  };
}

/** Remembers the last answer. */
function lastOnly<T>(make: (key: number) => T): (key: number) => T {
  let last: { readonly key: number; readonly value: T } | undefined;
  return (key) => {
    if (last?.key !== key) last = { key, value: make(key) };
    return last.value;
  };
}

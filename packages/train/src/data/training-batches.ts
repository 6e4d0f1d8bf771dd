import { KvfoldError } from "@kvfold/core";
import type { Tokenizer } from "@kvfold/models";
import type { DataRecipe } from "../recipe/recipe.js";
import type { BatchSource, TrainingBatch } from "./batch.js";
import { type BatchRow, fillRow } from "./batch-row.js";
import { documentRows } from "./document-rows.js";
import { RecallRows } from "./recall-rows.js";
import { seededRandom } from "./seeded-random.js";
import { windowRows } from "./text-rows.js";
import type { TokenStream } from "./token-stream.js";

/** Options of {@link trainingBatches}. */
export interface TrainingBatchesOptions {
  readonly stream: TokenStream;
  /** Tokens at the end of the stream that no batch contains. */
  readonly heldOut: number;
  readonly seed: number;
  /** Rows of a batch. */
  readonly rows: number;
  /** Tokens of a row. */
  readonly length: number;
  /** Batches of an optimiser step. */
  readonly accumulate: number;
  /** What rows of text hold; default `windows`. */
  readonly packing?: DataRecipe["packing"];
  /** Mixes recall tasks in; `tokenizer` is needed then. */
  readonly recall?: DataRecipe["recall"];
  /** That the stream was made with. */
  readonly tokenizer?: Tokenizer | undefined;
}

/** Keeps the random numbers of recall rows apart from those of text rows. */
const RECALL_ROWS = 1;

/**
 * Batches for training: rows of text, and recall rows in exactly the asked proportion (over any number of batches, rounded
 * down). A batch is a pure function of the options, the step and the part; its arrays are its own.
 *
 * @throws KvfoldError `data-options`, `data-too-short`
 */
export function trainingBatches(options: TrainingBatchesOptions): BatchSource {
  const { stream, heldOut, seed, rows, length, accumulate, packing, recall } = options;
  checkWhole({ heldOut }, 0);
  checkWhole({ rows, length, accumulate }, 1);
  const text = { stream, trained: stream.length - heldOut };
  const texts = (packing === "documents" ? documentRows : windowRows)(text, length, seed);
  const recalls = recall && recall.fraction > 0 ? recallRows(options, recall, text) : undefined;
  const window = { tokens: new Int32Array(length + 1), answers: new Uint8Array(length + 1) };
  /** Recall rows before a batch; the small number makes up for products such as 0.3 · 10 that round down. */
  const recallsBefore = (batch: number) => Math.floor(batch * rows * (recall?.fraction ?? 0) + 1e-6);

  function fillRecall(row: BatchRow, weights: Float32Array, number: number): void {
    recalls?.fill(seededRandom(seed, number, RECALL_ROWS), window);
    fillRow(row, window.tokens, stream.beginId);
    for (let i = 0; i < length; i++) if (window.answers[i + 1]) weights[i] = recall?.answerWeight as number;
  }

  return {
    batch(step, part): TrainingBatch {
      const number = step * accumulate + part;
      const tokens = new Int32Array(rows * length);
      const labels = new Int32Array(rows * length);
      const documents = new Int32Array(rows * length);
      const weights = recalls && new Float32Array(rows * length).fill(1);
      const before = recallsBefore(number);
      const count = recallsBefore(number + 1) - before;
      for (let r = 0; r < rows; r++) {
        const view = <T extends Int32Array | Float32Array>(array: T) =>
          array.subarray(r * length, (r + 1) * length) as T;
        const row = { tokens: view(tokens), labels: view(labels), documents: view(documents) };
        if (weights && r < count) fillRecall(row, view(weights), before + r);
        else texts.fill(number * rows - before + r - count, row);
      }
      return { rows, length, tokens, labels, documents, ...(weights && { weights }) };
    },
  };
}

function checkWhole(numbers: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new KvfoldError("data-options", `${name} must be a whole number from ${least}; got ${value}.`);
  }
}

function recallRows(
  { tokenizer }: TrainingBatchesOptions,
  { fraction, facts, answerWeight }: NonNullable<DataRecipe["recall"]>,
  text: { stream: TokenStream; trained: number },
): RecallRows {
  if (!(fraction <= 1) || !(Number.isInteger(facts) && facts >= 1 && facts <= 200) || !(answerWeight >= 0)) {
    throw new KvfoldError(
      "data-options",
      "recall needs a fraction of 0 to 1, 1 to 200 facts, and an answerWeight from 0 on.",
    );
  }
  if (tokenizer === undefined) throw new KvfoldError("data-options", "Recall rows need the tokenizer of the stream.");
  return new RecallRows(tokenizer, text, facts);
}

import { plainPath } from "@kvfold/demo-model";
import { RECALL_MARKER } from "@kvfold/eval";
import { loadTokenizer, type Tokenizer } from "@kvfold/models";
import { beforeAll, describe, expect, it } from "vitest";
import type { TrainingBatch } from "./batch.js";
import { randomStream } from "./test-stream.js";
import { trainingBatches } from "./training-batches.js";

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(plainPath);
});

const stream = randomStream(1, 20_000, 900);
const base = { stream, heldOut: 1000, seed: 3, rows: 8, length: 128, accumulate: 2 };
const recall = { fraction: 0.3, facts: 6, answerWeight: 5 };

function recallRowsOf({ rows, length, tokens }: TrainingBatch): number[] {
  const marker = tokenizer.encode(RECALL_MARKER); // with the begin token in front
  const isRecall = (row: number) => marker.every((token, i) => tokens[row * length + i] === token);
  return Array.from({ length: rows }, (_, row) => row).filter(isRecall);
}

describe("trainingBatches", () => {
  it("gives the next token as label, and splits documents at begin tokens", () => {
    const batch = trainingBatches(base).batch(0, 0);
    expect(batch).toMatchObject({ rows: 8, length: 128 });
    expect(batch.weights).toBeUndefined();
    for (let i = 0; i < 8 * 128; i++) {
      const column = i % 128;
      if (column === 0) expect(batch.documents[i]).toBe(0);
      if (column === 127) continue;
      const begins = batch.tokens[i + 1] === 0;
      expect(batch.labels[i]).toBe(begins ? -1 : batch.tokens[i + 1]);
      expect(batch.documents[i + 1]).toBe((batch.documents[i] as number) + (begins ? 1 : 0));
    }
  });

  it("is a pure function of step and part", () => {
    const [a, b] = [trainingBatches({ ...base, recall, tokenizer }), trainingBatches({ ...base, recall, tokenizer })];
    for (let step = 0; step < 5; step++) a.batch(step, 1);
    expect(a.batch(2, 1)).toEqual(b.batch(2, 1));
    expect(a.batch(2, 1).tokens).not.toEqual(a.batch(2, 0).tokens);
    expect(a.batch(2, 1).tokens).not.toEqual(a.batch(3, 0).tokens);
    expect(trainingBatches({ ...base, seed: 4 }).batch(2, 1).tokens).not.toEqual(
      trainingBatches(base).batch(2, 1).tokens,
    );
  });

  it("mixes recall rows in exactly as asked", () => {
    const source = trainingBatches({ ...base, recall, tokenizer });
    let count = 0;
    for (let number = 0; number < 20; number++) {
      count += recallRowsOf(source.batch(number >> 1, number % 2)).length;
      expect(count).toBe(Math.floor((number + 1) * 8 * 0.3 + 1e-6));
    }
    const all = trainingBatches({ ...base, recall: { ...recall, fraction: 1 }, tokenizer }).batch(0, 0);
    expect(recallRowsOf(all).length).toBe(8);
  });

  it("weighs the answers of recall rows, and nothing else", () => {
    const { weights, labels, tokens } = trainingBatches({
      ...base,
      recall: { ...recall, fraction: 1 },
      tokenizer,
    }).batch(0, 0);
    const answers = new Set<string>();
    for (let i = 0; i < 1024; ) {
      let end = i;
      while (weights?.[end] === 5) end++;
      if (end > i && end % 128 > 0) {
        answers.add(tokenizer.decode(labels.subarray(i, end)));
        expect(tokenizer.decode(tokens.subarray(Math.max(0, i - 1), i + 1))).toMatch(/( is|n the)$/);
      }
      expect(weights?.[end]).toBe(end === 1024 ? undefined : 1);
      i = end + 1;
    }
    expect(answers.size).toBeGreaterThan(10);
    for (const answer of answers) expect(answer).toMatch(/^ ([A-Z]?[a-z]+|[1-9]\d{3})$/);
  });

  it.each([
    [{ length: 19_000 }, "need 19001 tokens of training text, but there are 19000"],
    [{ rows: 0 }, "rows must be a whole number from 1; got 0"],
    [{ heldOut: -1 }, "heldOut must be a whole number from 0"],
    [{ heldOut: 30_000 }, "training text"],
    [{ recall }, "need the tokenizer"],
    [{ recall: { ...recall, fraction: 2 } }, "fraction of 0 to 1"],
  ])("refuses %o", (given, message) => {
    expect(() => trainingBatches({ ...base, ...given })).toThrow(message);
  });
});

describe("rows of text", () => {
  it("open with the begin token every second time, wherever their window lies", () => {
    const source = trainingBatches({ ...base, recall, tokenizer });
    const opened = Array.from({ length: 40 }, (_, step) => source.batch(step, 0)).flatMap((batch) => {
      const recalls = new Set(recallRowsOf(batch));
      const texts = Array.from({ length: 8 }, (_, row) => row).filter((row) => !recalls.has(row));
      return texts.map((row) => batch.tokens[row * 128] === stream.beginId);
    });
    const part = opened.filter(Boolean).length / opened.length;
    expect(part).toBeGreaterThan(0.45);
    expect(part).toBeLessThan(0.55);
  });
});

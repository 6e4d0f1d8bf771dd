import { plainPath } from "@kvfold/demo-model";
import { RECALL_MARKER } from "@kvfold/eval";
import { loadTokenizer, type Tokenizer } from "@kvfold/models";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { TrainingBatch } from "./batch.js";
import { randomStream } from "./test-stream.js";
import type { TokenStream } from "./token-stream.js";
import { trainingBatches } from "./training-batches.js";

let tokenizer: Tokenizer;
let marker: Int32Array;
beforeAll(async () => {
  tokenizer = await loadTokenizer(plainPath);
  marker = tokenizer.encode(RECALL_MARKER); // with the begin token in front
});

const whole = (min: number, max: number) => fc.integer({ min, max });
const runs = fc.record({
  streamSeed: whole(0, 1000),
  tokens: whole(500, 3000),
  longest: whole(2, 400),
  heldOut: whole(0, 400),
  seed: whole(0, 1000),
  rows: whole(1, 5),
  length: whole(1, 90),
  accumulate: whole(1, 3),
  packing: fc.constantFrom("windows", "documents"),
  recall: fc.option(
    fc.record({ fraction: fc.constantFrom(0, 0.3, 0.5, 1), facts: whole(1, 9), answerWeight: fc.constantFrom(0, 3) }),
    { nil: undefined },
  ),
});
type Run = typeof runs extends fc.Arbitrary<infer T> ? T : never;

const streamOf = ({ streamSeed, tokens, longest }: Run) => randomStream(streamSeed, tokens, longest);
const sourceOf = (run: Run, stream = streamOf(run)) => trainingBatches({ ...run, stream, tokenizer });

/** Batches of all parts of the first steps. */
function batchesOf(run: Run, stream?: TokenStream): TrainingBatch[] {
  const source = sourceOf(run, stream);
  return [0, 1, 2].flatMap((step) => Array.from({ length: run.accumulate }, (_, part) => source.batch(step, part)));
}

function check(property: (run: Run) => void): void {
  fc.assert(fc.property(runs, property), { numRuns: 60 });
}

function rowsOf({ rows, length, tokens, labels, documents, weights }: TrainingBatch) {
  return Array.from({ length: rows }, (_, r) => {
    const part = <T extends Int32Array | Float32Array>(of: T) => of.subarray(r * length, (r + 1) * length) as T;
    return {
      tokens: part(tokens),
      labels: part(labels),
      documents: part(documents),
      weights: weights ? part(weights) : new Float32Array(length).fill(1),
    };
  });
}
const isRecall = (tokens: Int32Array) => tokens.every((token, i) => token === (marker[i] ?? token));

describe("batches of any options", () => {
  it("depend on nothing but step and part", () => {
    check((run) => {
      const others = sourceOf(run);
      for (const [step, part] of [
        [7, 0],
        [1, run.accumulate - 1],
        [40, 0],
      ] as const)
        expect(others.batch(step, part)).toEqual(sourceOf(run).batch(step, part));
    });
  });

  it("never read what is held out", () => {
    check((run) => {
      const stream = streamOf(run);
      const guarded: TokenStream = {
        ...stream,
        read(start, target) {
          if (start + target.length > stream.length - run.heldOut) throw new Error("a held-out token was read");
          stream.read(start, target);
        },
      };
      batchesOf(run, guarded);
    });
  });

  it("label each token with the next one of its document", () => {
    check((run) => {
      for (const batch of batchesOf(run)) {
        for (const { tokens, labels, documents } of rowsOf(batch)) {
          for (let i = 0; i + 1 < tokens.length; i++) {
            const same = documents[i] === documents[i + 1];
            if ((labels[i] as number) >= 0) expect([labels[i], same]).toEqual([tokens[i + 1], true]);
            else expect(!same || tokens[i + 1] === 0).toBe(true);
          }
        }
      }
    });
  });

  it("teach only pairs of tokens that the trained text has", () => {
    check((run) => {
      const tokens = new Int32Array(run.tokens - run.heldOut);
      streamOf(run).read(0, tokens);
      const pairs = new Set(Array.from(tokens, (token, i) => `${token} ${tokens[i + 1]}`));
      for (const token of tokens) pairs.add(`${streamOf(run).beginId} ${token}`); // rows may open with a begin token
      for (const { tokens, labels } of batchesOf({ ...run, recall: undefined })) {
        for (const [i, label] of labels.entries()) {
          const opens = i % run.length === 0 && tokens[i] === 0; // every second window does, wherever it lies
          if (label >= 0 && !opens) expect(pairs).toContain(`${tokens[i]} ${label}`);
        }
      }
    });
  });

  it("number documents from 0, one after the other, each opened by the begin token", () => {
    check((run) => {
      for (const batch of batchesOf(run)) {
        for (const { tokens, documents } of rowsOf(batch)) {
          expect(documents[0]).toBe(0);
          for (let i = 1; i < documents.length; i++) {
            const grown = (documents[i] as number) - (documents[i - 1] as number);
            expect([0, 1]).toContain(grown);
            if (run.packing === "windows" || isRecall(tokens)) expect(grown).toBe(tokens[i] === 0 ? 1 : 0);
          }
        }
      }
    });
  });

  it("weigh nothing but answers of recall rows", () => {
    check((run) => {
      for (const batch of batchesOf(run)) {
        if (!run.recall?.fraction) expect(batch.weights).toBeUndefined();
        for (const { tokens, labels, weights } of rowsOf(batch)) {
          for (let i = 0; i < weights.length; i++) {
            if (weights[i] === 1) continue;
            expect(weights[i]).toBe(run.recall?.answerWeight);
            expect(isRecall(tokens)).toBe(true);
            if (weights[i - 1] !== 1) continue;
            expect(tokenizer.decode(tokens.subarray(Math.max(0, i - 1), i + 1))).toMatch(/( is|n the)$/);
            expect(tokenizer.decode(labels.subarray(i, i + 1))).toMatch(/^ \w*$/);
          }
        }
      }
    });
  });
});

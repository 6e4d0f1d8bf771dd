import { readFileSync } from "node:fs";
import { sharedPath, skipReason } from "@kvfold/core/testing";
import { pagePath, plainPath } from "@kvfold/demo-model";
import { recallTokens } from "@kvfold/eval";
import { describe, expect, it } from "vitest";
import { RecallRows } from "./recall-rows.js";
import { seededRandom } from "./seeded-random.js";
import { memoryStream } from "./test-stream.js";
import { openTokenizer } from "./tokenizer-source.js";

const llama2 = "data/tokenizers/llama2"; // SentencePiece
const smollm2 = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"; // byte-level, digits apart
const models = [
  { name: "the bundled model", path: plainPath, reason: "" },
  ...[llama2, smollm2].map((name) => ({ name, path: sharedPath(name), reason: ` (${skipReason(name)})` })),
];

describe.each(models)("recall rows of $name", ({ path, reason }) => {
  it.skipIf(path === undefined)(`spell answers as a recall task does${reason}`, async () => {
    const tokenizer = await openTokenizer(path as string);
    const beginId = tokenizer.bosId as number;
    const text = tokenizer.encode(readFileSync(pagePath, "utf8"));
    const stream = memoryStream(text, tokenizer.vocabSize, beginId);
    const rows = new RecallRows(tokenizer, { stream, trained: text.length }, 8);
    const row = { tokens: new Int32Array(513), answers: new Uint8Array(513) };
    let checked = 0;
    for (let number = 0; number < 4; number++) {
      rows.fill(seededRandom(1, number), row);
      for (const { start, end } of spans(row.answers)) {
        if (end === row.tokens.length) continue; // the row's end may have cut it
        const round = row.tokens.lastIndexOf(beginId, start) + 1;
        const prompt = tokenizer.decode(row.tokens.subarray(round, start));
        const answer = tokenizer.decode(row.tokens.subarray(round, end)).slice(prompt.length);
        expect(answer).toMatch(/^ \w+$/);
        expect([...recallTokens({ prompt, answer }, tokenizer).answer], prompt + answer).toEqual([
          ...row.tokens.subarray(start, end),
        ]);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(20);
  });
});

/** Runs of ones. */
function spans(marks: Uint8Array): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let start = marks.indexOf(1); start >= 0; ) {
    const zero = marks.indexOf(0, start);
    const end = zero < 0 ? marks.length : zero;
    found.push({ start, end });
    start = marks.indexOf(1, end);
  }
  return found;
}

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath, sharedPath, skipReason } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertToFolder } from "../convert/convert-to-folder.js";
import type { LanguageModel } from "../language-model.js";
import { loadLocalModel } from "../load-model.js";
import { goldenRows } from "./golden-model.js";

const folder = goldensPath("smollm2") ?? sharedPath("goldens/smollm2");
const modelName = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
const path = sharedPath(modelName);
const missing = folder === undefined ? "goldens/smollm2" : path === undefined ? modelName : undefined;
/** `npm run test:goldens` runs every case, `npm test` a sample. */
const everything = (import.meta as { env?: { MODE?: string } }).env?.MODE === "goldens";

/** Tolerances of the goldens' README: nats, and the margin below which rounding may change a greedy token. */
const tolerance = { nll: 1e-3, meanNll: 1e-4, mmlu: 5e-3, margin: 0.02, logits: 5e-3 };

interface Greedy {
  readonly prompt_ids: readonly number[];
  readonly tokens: readonly number[];
  readonly margin: readonly number[];
}
interface Question {
  readonly subject: string;
  readonly index: number;
  readonly tokens: number;
  readonly logprob: readonly number[];
}

describe.skipIf(missing)(`SmolLM2-135M-Instruct${missing ? `: ${skipReason(missing)}` : ""}`, () => {
  const json = <T>(name: string) =>
    (missing ? undefined : JSON.parse(readFileSync(join(folder as string, name), "utf8"))) as T;
  const greedy = Object.entries(json<Record<string, Greedy>>("greedy.json") ?? {});
  const perplexity =
    json<Record<string, { windows: number; window_tokens: number; mean_nll: number; ppl: number }>>(
      "perplexity.json",
    ) ?? {};
  const questions = json<Question[]>("mmlu.json") ?? [];
  let model: LanguageModel;
  let golden: SafetensorsFile;

  beforeAll(async () => {
    await chooseBackend({ prefer: "wasm" });
    model = await loadLocalModel(path as string);
    golden = openSafetensors(join(folder as string, "golden.safetensors"));
  });
  afterAll(() => {
    model?.dispose();
    golden?.close();
  });

  describe.each(everything ? greedy : greedy.slice(0, 1))("%j", (prompt, { prompt_ids, tokens, margin }) => {
    const name = `greedy${greedy.findIndex(([text]) => text === prompt)}`;

    it("tokenises the prompt", () => {
      expect([...model.tokenizer.encode(prompt)]).toEqual(prompt_ids);
    });

    it("continues greedily, as far as every margin is above rounding", async () => {
      const { rows } = await model.generate(prompt_ids, { maxTokens: tokens.length, ignoreEos: true }).result();
      const sure = sureTokens(margin, tolerance.margin);
      expect(rows[0]?.tokens.slice(0, sure)).toEqual(tokens.slice(0, sure));
    });

    it("gives the eight largest logits at every position, and all after the prompt", () => {
      const [ids = []] = goldenRows(golden, `${name}.ids`);
      const topIds = goldenRows(golden, `${name}.top8_ids`);
      const topLogits = golden.readFloat32(`${name}.top8_logits`);
      using cache = model.createCache(full());
      const logits = tf.tidy(() => model.forward(cache, [ids], { logits: "all" }).dataSync<"float32">());
      const vocab = model.config.vocabSize;
      topIds.forEach((best, position) => {
        best.forEach((id, i) => {
          const wanted = topLogits[position * best.length + i] as number;
          expect(Math.abs((logits[position * vocab + id] as number) - wanted)).toBeLessThan(tolerance.logits);
        });
      });
      const last = golden.readFloat32(`${name}.last_prompt_logits`);
      const start = (prompt_ids.length - 1) * vocab;
      const worst = last.reduce((max, x, i) => Math.max(max, Math.abs(x - (logits[start + i] as number))), 0);
      expect(worst).toBeLessThan(tolerance.logits);
    });
  });

  const windows = Object.entries(perplexity).flatMap(([text, { windows }]) =>
    Array.from({ length: windows }, (_, i) => ({ text, window: i })),
  );
  const scored: Record<string, number[]> = {};
  it.each(everything ? windows : windows.slice(0, 1))("scores $text, window $window", async ({ text, window }) => {
    const size = perplexity[text]?.window_tokens as number;
    // what a token is scored does not depend on later ones
    const read = everything ? size : 256;
    const ids = (golden.read(`${text}.ids`) as Int32Array).subarray(window * size, window * size + read);
    const first = window * (size - 1);
    const wanted = golden.readFloat32(`${text}.nll`).subarray(first, first + read - 1);
    const found = await model.logLikelihood(ids);
    wanted.forEach((nll, i) => {
      expect(Math.abs(nll + (found[i] as number))).toBeLessThan(tolerance.nll);
    });
    const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
    expect(Math.abs(mean(wanted) + mean(found))).toBeLessThan(tolerance.meanNll);
    scored[text] = [...(scored[text] ?? []), ...found];
  });

  it.runIf(everything).each(Object.entries(perplexity))("perplexity of %s", (text, { mean_nll, ppl }) => {
    const all = scored[text] as number[];
    const mean = -all.reduce((a, b) => a + b, 0) / all.length;
    expect(Math.abs(mean - mean_nll)).toBeLessThan(tolerance.meanNll);
    expect(Math.abs(Math.exp(mean) / ppl - 1)).toBeLessThan(tolerance.meanNll);
  });

  const mmlu = sharedPath("data/mmlu/test");
  if (!missing && mmlu === undefined) console.log(`MMLU questions skipped: ${skipReason("data/mmlu/test")}`);
  it.skipIf(mmlu === undefined).each(everything ? questions : questions.slice(0, 6))(
    "MMLU: $subject, question $index",
    async (question) => {
      const prompt = mmluPrompt(mmlu as string, question);
      const ids = model.tokenizer.encode(prompt);
      expect(ids.length).toBe(question.tokens);
      using cache = model.createCache(full());
      const logits = tf.tidy(() => tf.logSoftmax(tf.squeeze(model.forward(cache, [ids]))).dataSync<"float32">());
      [" A", " B", " C", " D"].forEach((answer, i) => {
        const [token] = model.tokenizer.encode(answer);
        expect(Math.abs((logits[token as number] as number) - (question.logprob[i] as number))).toBeLessThan(
          tolerance.mmlu,
        );
      });
    },
  );

  it.runIf(everything).each(["f32", "f16", "bf16"] as const)(
    "runs from the %s folder that convert makes of the GGUF",
    async (dtype) => {
      const out = mkdtempSync(join(tmpdir(), "kvfold-smollm2-"));
      try {
        await convertToFolder(path as string, join(out, "model"), { dtype });
        using converted = await loadLocalModel(join(out, "model"));
        const [, { prompt_ids, tokens, margin }] = greedy[0] as [string, Greedy];
        const { rows } = await converted.generate(prompt_ids, { maxTokens: 16, ignoreEos: true }).result();
        const sure = sureTokens(margin.slice(0, 16), { f32: tolerance.margin, f16: 0.1, bf16: 0.5 }[dtype]);
        expect(rows[0]?.tokens.slice(0, sure)).toEqual(tokens.slice(0, sure));
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    },
  );
});

/** Greedy tokens before the first whose margin (logits) is so small that rounding, of weights too, may change it. */
function sureTokens(margin: readonly number[], least: number): number {
  const close = margin.findIndex((m) => m < least);
  return close < 0 ? margin.length : close;
}

/** A question in lm-evaluation-harness wording, zero-shot, from its subject's CSV. */
function mmluPrompt(folderOfTests: string, { subject, index }: Question): string {
  const file = join(folderOfTests, `${subject.replaceAll(" ", "_")}_test.csv`);
  const [question = "", a, b, c, d] = csvRows(readFileSync(file, "utf8"))[index + 1] ?? [];
  const head = `The following are multiple choice questions (with answers) about ${subject}.\n\n`;
  return `${head}${question.trim()}\nA. ${a}\nB. ${b}\nC. ${c}\nD. ${d}\nAnswer:`;
}

/** Rows of a CSV text with quoted fields (RFC 4180). */
function csvRows(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    const row = rows[rows.length - 1] as string[];
    row.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (end !== ",") rows.push([]);
  }
  return rows;
}

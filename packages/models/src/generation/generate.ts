import { KvfoldError, readInto } from "@kvfold/core";
import { full, type KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { LanguageModel } from "../language-model.js";
import { drawOnDevice } from "../sampling/draw-tokens.js";
import { logProbabilities } from "../sampling/log-probabilities.js";
import { Sampler } from "../sampling/sampler.js";
import { checkGenerateOptions, type GenerateOptions, type Prompt, type PromptText } from "./generate-options.js";
import type { GeneratedToken, GenerationResult } from "./generation-result.js";
import { RowState } from "./row-state.js";

/** A running generation: iterate it for tokens as they come, or wait for the result; both run it once. */
export interface Generation extends AsyncIterable<GeneratedToken> {
  /** Everything at the end. Runs the generation if nobody iterates it. */
  result(): Promise<GenerationResult>;
}

interface Clock {
  readonly start: number;
  prefillMs: number;
  decodeMs: number;
  decoded: number;
  firstTokenMs: number | undefined;
}

/**
 * Generates text for one prompt or a batch. Prompts are prefilled one by one in chunks, rows decode together, and a row
 * that has ended costs nothing more. The event loop has turns between steps and, where a step or a chunk takes longer than some
 * milliseconds, between its layers. The cache and the model may be disposed of meanwhile: the generation then ends with an
 * error.
 *
 * @throws KvfoldError `generate-options`, `sampling-options` for options out of range, `generate-prompt` for empty prompts
 */
export function generate(model: LanguageModel, prompt: Prompt, options: GenerateOptions): Generation {
  checkGenerateOptions(options);
  const rows = promptRows(model, prompt, options);
  if (options.cache && options.cache.rows !== rows.length) {
    throw new KvfoldError(
      "generate-options",
      `The cache has ${options.cache.rows} rows, but there are ${rows.length} prompts; make it with one row a prompt.`,
    );
  }
  let result: GenerationResult | undefined;
  const run = tokens(model, rows, options, (end) => {
    result = end;
  });
  return {
    [Symbol.asyncIterator]: () => run,
    async result() {
      while (!(await run.next()).done) {
        // tokens are kept in the rows
      }
      if (result === undefined)
        throw new KvfoldError(
          "generate-ended",
          "This generation was ended early, so it has no result; iterate it to the end, or stop it through the signal option.",
        );
      return result;
    },
  };
}

async function* tokens(
  model: LanguageModel,
  rows: readonly RowState[],
  options: GenerateOptions,
  onEnd: (result: GenerationResult) => void,
): AsyncGenerator<GeneratedToken> {
  const cache =
    options.cache ?? model.createCache(options.policy ?? full(), { rows: rows.length, codec: options.codec ?? "f32" });
  const clock: Clock = { start: performance.now(), prefillMs: 0, decodeMs: 0, decoded: 0, firstTokenMs: undefined };
  const aborted = () => options.signal?.aborted ?? false;
  const take = takerOf(model, rows, options.logProbabilities !== undefined);
  try {
    for (const [row, state] of rows.entries()) {
      if (!(await prefill(model, cache, row, state, { chunk: options.prefillChunk ?? 512, aborted, take }))) break;
    }
    clock.prefillMs = performance.now() - clock.start;
    while (rows.some((state) => state.finish === undefined)) {
      for (const [row, state] of rows.entries()) {
        if (state.finish !== undefined) continue;
        if (aborted() || (state.drawn === undefined && state.logits.length === 0)) {
          state.abort();
          continue;
        }
        const token = state.drawn ?? state.sampler.next(state.logits, state.seen());
        state.drawn = undefined;
        const chances =
          options.logProbabilities === undefined ? {} : logProbabilities(state.logits, token, options.logProbabilities);
        const text = state.push(token);
        clock.firstTokenMs ??= performance.now() - clock.start;
        yield { row, token, text, ...chances };
      }
      await decode(model, cache, rows, clock, take);
      await tf.nextFrame();
    }
    onEnd({ rows: rows.map((state) => state.result()), stats: figures(rows, clock, cache) });
  } finally {
    if (!options.cache) cache.dispose();
  }
}

/** Gives rows their next token, or the logits to draw it from. */
type Taker = (logits: tf.Tensor2D, rows: readonly RowState[]) => Promise<void>;

/** @param wanted true when logits are wanted for more than drawing */
function takerOf(model: LanguageModel, rows: readonly RowState[], wanted: boolean): Taker {
  const vocab = model.config.vocabSize;
  let values = new Float32Array(0);
  return async (logits, takers) => {
    const tokens = wanted ? undefined : await drawOnDevice(logits, takers);
    if (tokens !== undefined) {
      takers.forEach((state, i) => {
        state.drawn = tokens[i];
      });
      return;
    }
    if (values.length === 0) values = new Float32Array(rows.length * vocab);
    // a prompt's are kept while others are read
    const into = takers.length === 1 && rows.length > 1 ? new Float32Array(vocab) : values;
    await readInto(logits, into.subarray(0, takers.length * vocab));
    takers.forEach((state, i) => {
      state.logits = into.subarray(i * vocab, (i + 1) * vocab);
    });
  };
}

/** How a prompt is fed. */
interface Feeding {
  readonly chunk: number;
  readonly aborted: () => boolean;
  readonly take: Taker;
}

/** Feeds one prompt in chunks; false when aborted on the way. */
async function prefill(
  model: LanguageModel,
  cache: KvCache,
  row: number,
  state: RowState,
  { chunk, aborted, take }: Feeding,
): Promise<boolean> {
  const { prompt } = state;
  for (let start = 0; start < prompt.length; start += chunk) {
    if (aborted()) return false;
    const part = prompt.subarray(start, start + chunk);
    const endOfPrefill = start + chunk >= prompt.length;
    if (endOfPrefill) {
      const logits = (await model.forwardAsync(cache, [part], { rows: [row], endOfPrefill })) as tf.Tensor2D;
      await take(logits, [state]);
      logits.dispose();
    } else (await model.decoder.hiddenAsync(cache, [part], { rows: [row] })).dispose();
    await tf.nextFrame();
  }
  return true;
}

/** One step for all rows that go on. */
async function decode(
  model: LanguageModel,
  cache: KvCache,
  rows: readonly RowState[],
  clock: Clock,
  take: Taker,
): Promise<void> {
  const active = [...rows.keys()].filter((row) => rows[row]?.finish === undefined);
  if (active.length === 0) return;
  const start = performance.now();
  const states = active.map((row) => rows[row] as RowState);
  const last = states.map(({ tokens }) => tokens.slice(-1));
  const logits = (await model.forwardAsync(cache, last, { rows: active })) as tf.Tensor2D;
  await take(logits, states);
  logits.dispose();
  clock.decodeMs += performance.now() - start;
  clock.decoded += active.length;
}

function figures(rows: readonly RowState[], clock: Clock, cache: KvCache): GenerationResult["stats"] {
  const promptTokens = rows.reduce((sum, row) => sum + row.prompt.length, 0);
  return {
    promptTokens,
    generatedTokens: rows.reduce((sum, row) => sum + row.tokens.length, 0),
    prefillTokensPerSecond: clock.prefillMs > 0 ? (promptTokens / clock.prefillMs) * 1000 : 0,
    decodeTokensPerSecond: clock.decodeMs > 0 ? (clock.decoded / clock.decodeMs) * 1000 : 0,
    timeToFirstTokenMs: clock.firstTokenMs ?? performance.now() - clock.start,
    cache: cache.stats(),
  };
}

function promptRows(model: LanguageModel, prompt: Prompt, options: GenerateOptions): RowState[] {
  const isBatch = Array.isArray(prompt) && prompt.some((part) => typeof part !== "number");
  const prompts = (isBatch ? prompt : [prompt]) as readonly PromptText[];
  const stop = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  const eosIds = new Set(options.ignoreEos ? [] : [...model.config.eosIds, ...model.tokenizer.eosIds]);
  const limits = { maxTokens: options.maxTokens ?? 256, eosIds, stop };
  return prompts.map((text, row) => {
    const addSpecialTokens = options.addSpecialTokens ?? (options.cache?.tokens[row] ?? 0) === 0;
    const ids = typeof text === "string" ? model.tokenizer.encode(text, { addSpecialTokens }) : Int32Array.from(text);
    if (ids.length === 0) {
      throw new KvfoldError(
        "generate-prompt",
        `Prompt ${row} is empty; give at least one token, or a text that is not empty.`,
      );
    }
    // rows of a batch draw independently, and each as it would alone with its own seed
    const seed = options.seed === undefined ? {} : { seed: options.seed + row };
    return new RowState(ids, new Sampler({ ...samplingOf(options), ...seed }), model.tokenizer, limits);
  });
}

function samplingOf({ temperature, topK, topP, minP, repetitionPenalty, seed }: GenerateOptions) {
  return Object.fromEntries(
    Object.entries({ temperature, topK, topP, minP, repetitionPenalty, seed }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

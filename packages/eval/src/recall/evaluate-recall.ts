import { KvfoldError } from "@kvfold/core";
import type { CachePolicy, CacheStats, KvCache } from "@kvfold/kv-cache";
import type { LanguageModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { scoringChunk } from "../scoring-chunk.js";
import { recallTask } from "./recall-task.js";
import { type RecallTokens, recallTokens } from "./recall-tokens.js";

/** Options of {@link evaluateRecall}. */
export interface EvaluateRecallOptions {
  readonly model: LanguageModel;
  readonly policies: readonly CachePolicy[];
  /** Storage of the entries: `f32` (default), or `bf16` and `int8` on the backend `native`. */
  readonly codec?: string | undefined;
  /** Numbers of facts stated. Default 1, 4. */
  readonly facts?: readonly number[] | undefined;
  /** Words of prose between the facts and the question. Default 0, 64. */
  readonly distances?: readonly number[] | undefined;
  /** Tasks for each pair of facts and distance. Default 16. */
  readonly samples?: number | undefined;
  /** Tasks are those of seed, seed + 1, ...: the same for every policy, model and distance. Default 0. */
  readonly seed?: number | undefined;
  /** Told after each batch: tasks done, and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Accuracy at one number of facts and one distance. */
export interface RecallCell {
  readonly facts: number;
  readonly distance: number;
  /** Part of tasks, 0..1, whose answer greedy decoding gives in full. */
  readonly accuracy: number;
  readonly samples: number;
}

/** How one policy did. */
export interface RecallResult {
  readonly policy: string;
  /** Accuracy over all tasks. */
  readonly recall: number;
  readonly cells: readonly RecallCell[];
  /** Tokens of all tasks. */
  readonly tokens: number;
  /** Entries, and bytes of the caches, at the end of the tasks, summed over them. */
  readonly entries: number;
  readonly compressionRatio: number;
  readonly byteRatio: number;
  readonly liveBytes: number;
  /** Decode speed over the answers, all sequences of a batch (8) together. */
  readonly tokensPerSecond: number;
}

/** Tasks that go through the model together. */
const BATCH = 8;

interface Tally {
  right: number;
  answerTokens: number;
  seconds: number;
}

/**
 * Associative recall through the cache: facts are stated, prose follows, then one fact is asked ({@link recallTask}). The
 * prompt goes through the cache as in decoding; an answer counts when greedy decoding gives all of its tokens.
 *
 * @returns one result a policy, in the given order
 * @throws KvfoldError `recall-options` for numbers out of range or empty lists
 */
export async function evaluateRecall(options: EvaluateRecallOptions): Promise<RecallResult[]> {
  const { model, policies, codec = "f32", facts = [1, 4], distances = [0, 64], samples = 16, seed = 0 } = options;
  if (
    policies.length === 0 ||
    facts.length === 0 ||
    distances.length === 0 ||
    !(Number.isInteger(samples) && samples > 0)
  ) {
    throw new KvfoldError(
      "recall-options",
      "Give at least one policy, one number of facts, one distance and one sample.",
    );
  }
  const cells = facts.flatMap((count, f) =>
    distances.map((distance) => ({
      facts: count,
      distance,
      tasks: Array.from({ length: samples }, (_, i) =>
        recallTokens(recallTask({ seed: seed + f * samples + i, facts: count, distance }), model.tokenizer),
      ),
    })),
  );
  const total = policies.length * cells.length * samples;
  let done = 0;
  const results: RecallResult[] = [];
  for (const policy of policies) {
    const stats: CacheStats[] = [];
    const tallies = cells.map((): Tally => ({ right: 0, answerTokens: 0, seconds: 0 }));
    for (const [c, { tasks }] of cells.entries()) {
      for (let at = 0; at < tasks.length; at += BATCH) {
        options.signal?.throwIfAborted();
        const batch = tasks.slice(at, at + BATCH);
        using cache = model.createCache(policy, { rows: batch.length, codec });
        await answer(model, cache, batch, tallies[c] as Tally);
        stats.push(cache.stats());
        done += batch.length;
        options.onProgress?.(done, total);
        await tf.nextFrame(); // lets signals and timers run
      }
    }
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const entries = sum(stats.map((s) => s.entries));
    const liveBytes = sum(stats.map((s) => s.liveBytes));
    results.push({
      policy: policy.name,
      recall: sum(tallies.map(({ right }) => right)) / (cells.length * samples),
      cells: cells.map((cell, c) => ({
        facts: cell.facts,
        distance: cell.distance,
        accuracy: (tallies[c] as Tally).right / samples,
        samples,
      })),
      tokens: sum(stats.map((s) => s.tokens)),
      entries,
      compressionRatio: sum(stats.map((s) => s.compressionRatio * s.entries)) / entries,
      byteRatio: sum(stats.map((s) => s.logicalBytes)) / liveBytes,
      liveBytes,
      tokensPerSecond: sum(tallies.map((t) => t.answerTokens)) / sum(tallies.map((t) => t.seconds)),
    });
  }
  return results;
}

/** Feeds all prompts but their last tokens, then decodes the answers, always with the right tokens. */
async function answer(
  model: LanguageModel,
  cache: KvCache,
  tasks: readonly RecallTokens[],
  tally: Tally,
): Promise<void> {
  const step = scoringChunk(cache.options.policy, model.config);
  const longest = Math.max(...tasks.map(({ prompt }) => prompt.length - 1));
  for (let at = 0; at < longest; at += step) {
    const rows = rowsWhere(tasks, ({ prompt }) => prompt.length - 1 > at);
    const parts = rows.map((row) => (tasks[row] as RecallTokens).prompt.slice(0, -1).subarray(at, at + step));
    model.forward(cache, parts, { rows }).dispose();
  }
  const wrong = new Set<number>();
  const longestAnswer = Math.max(...tasks.map((task) => task.answer.length));
  const start = performance.now();
  for (let at = 0; at < longestAnswer; at++) {
    const rows = rowsWhere(tasks, (task) => task.answer.length > at);
    const previous = rows.map((row) => {
      const { prompt, answer } = tasks[row] as RecallTokens;
      return [at === 0 ? (prompt.at(-1) as number) : (answer[at - 1] as number)];
    });
    const best = tf.tidy(() => tf.argMax(model.forward(cache, previous, { rows }), 1));
    const ids = await best.data();
    best.dispose();
    for (const [i, row] of rows.entries()) if (ids[i] !== tasks[row]?.answer[at]) wrong.add(row);
    tally.answerTokens += rows.length;
  }
  tally.seconds += (performance.now() - start) / 1000;
  tally.right += tasks.length - wrong.size;
}

function rowsWhere(tasks: readonly RecallTokens[], test: (task: RecallTokens) => boolean): number[] {
  return tasks.flatMap((task, row) => (test(task) ? [row] : []));
}

import { KvfoldError } from "@kvfold/core";
import type { CachePolicy, CacheStats, KvCache } from "@kvfold/kv-cache";
import type { LanguageModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { scoringChunk } from "../scoring-chunk.js";
import type { RecallKind } from "./recall-facts.js";
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
  /** Texts open with `RECALL_MARKER`. Default true; false for models that were trained without it. */
  readonly marker?: boolean | undefined;
  /** Told after each batch: tasks done, and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How often answers were right, over some tasks. */
export interface RecallScore {
  /** Part of tasks, 0..1, whose answer greedy decoding gives in full. */
  readonly accuracy: number;
  /** Part of tasks, 0..1, of whose answer it gives the first token that is more than a blank (some spell `" 4"` in two). */
  readonly firstToken: number;
  readonly samples: number;
}

/** Score at one number of facts and one distance. */
export interface RecallCell extends RecallScore {
  readonly facts: number;
  readonly distance: number;
}

/** Score of the tasks that ask for one kind of fact. */
export interface RecallKindScore extends RecallScore {
  readonly kind: RecallKind;
}

/** How one policy did. */
export interface RecallResult {
  readonly policy: string;
  /** Accuracy over all tasks. */
  readonly recall: number;
  /** First-token accuracy over all tasks. */
  readonly firstToken: number;
  readonly cells: readonly RecallCell[];
  /** Of all tasks, by what they ask for; kinds that none asks for are left out. */
  readonly kinds: readonly RecallKindScore[];
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

const KINDS: readonly RecallKind[] = ["friend", "place", "number"];

/** Tasks that go through the model together. */
const BATCH = 8;

interface Task extends RecallTokens {
  readonly kind: RecallKind;
  /** Place in the answer of the first token that is more than a blank. */
  readonly first: number;
}

interface Outcome {
  readonly kind: RecallKind;
  readonly whole: boolean;
  readonly first: boolean;
}

interface Tally {
  readonly outcomes: Outcome[];
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
  const { marker = true } = options;
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
      tasks: Array.from({ length: samples }, (_, i): Task => {
        const task = recallTask({ seed: seed + f * samples + i, facts: count, distance, marker });
        const tokens = recallTokens(task, model.tokenizer);
        const first = tokens.answer.findIndex((id) => model.tokenizer.decode([id]).trim() !== "");
        return { ...tokens, kind: task.kind, first };
      }),
    })),
  );
  const total = policies.length * cells.length * samples;
  let done = 0;
  const results: RecallResult[] = [];
  for (const policy of policies) {
    const stats: CacheStats[] = [];
    const tallies = cells.map((): Tally => ({ outcomes: [], answerTokens: 0, seconds: 0 }));
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
    const outcomes = tallies.flatMap((tally) => tally.outcomes);
    const { accuracy: recall, firstToken } = score(outcomes);
    results.push({
      policy: policy.name,
      recall,
      firstToken,
      cells: cells.map(({ facts, distance }, c) => ({ facts, distance, ...score((tallies[c] as Tally).outcomes) })),
      kinds: KINDS.map((kind) => ({ kind, ...score(outcomes.filter((outcome) => outcome.kind === kind)) })).filter(
        (kind) => kind.samples > 0,
      ),
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
async function answer(model: LanguageModel, cache: KvCache, tasks: readonly Task[], tally: Tally): Promise<void> {
  const step = scoringChunk(cache.options.policy, model.config);
  const longest = Math.max(...tasks.map(({ prompt }) => prompt.length - 1));
  for (let at = 0; at < longest; at += step) {
    const rows = rowsWhere(tasks, ({ prompt }) => prompt.length - 1 > at);
    const parts = rows.map((row) => (tasks[row] as RecallTokens).prompt.slice(0, -1).subarray(at, at + step));
    model.forward(cache, parts, { rows }).dispose();
  }
  const wrong = new Set<number>();
  const wrongFirst = new Set<number>();
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
    for (const [i, row] of rows.entries()) {
      const task = tasks[row] as Task;
      if (ids[i] === task.answer[at]) continue;
      wrong.add(row);
      if (at === task.first) wrongFirst.add(row);
    }
    tally.answerTokens += rows.length;
  }
  tally.seconds += (performance.now() - start) / 1000;
  tally.outcomes.push(...tasks.map(({ kind }, row) => ({ kind, whole: !wrong.has(row), first: !wrongFirst.has(row) })));
}

function score(outcomes: readonly Outcome[]): RecallScore {
  const samples = outcomes.length;
  return {
    accuracy: outcomes.filter(({ whole }) => whole).length / samples,
    firstToken: outcomes.filter(({ first }) => first).length / samples,
    samples,
  };
}

function rowsWhere(tasks: readonly RecallTokens[], test: (task: RecallTokens) => boolean): number[] {
  return tasks.flatMap((task, row) => (test(task) ? [row] : []));
}

import { KvfoldError } from "@kvfold/core";
import { Random } from "@kvfold/models";
import { pick, RECALL_MARKER, type RecallFact, type RecallKind, recallFacts, recallOpening } from "./recall-facts.js";
import { PROSE } from "./recall-words.js";

/** Options of {@link recallTask}. */
export interface RecallTaskOptions {
  /** Same seed, same task. */
  readonly seed: number;
  /** Facts stated, 1 to 200; one of them is asked. */
  readonly facts: number;
  /** At least this many words of prose, in whole sentences, stand between the last fact and the question. 0: none. */
  readonly distance: number;
  /** Opens the text with {@link RECALL_MARKER}. Default true; false for models that were trained without it. */
  readonly marker?: boolean | undefined;
}

/** A text that states facts and ends where one of them is asked. */
export interface RecallTask {
  /** The text up to the answer; without the marker it starts with a space, as words inside a text do. */
  readonly prompt: string;
  /** What must follow, with its space in front: `" Peter"`. */
  readonly answer: string;
  readonly kind: RecallKind;
}

/**
 * Associative recall: the marker sentence opens the text, facts are stated, prose follows, then one fact is asked, by a
 * question or by the beginning of its statement (either with probability 1/2):
 *
 * `The friend of Anna is Peter.` / `Who is the friend of Anna? It is` ·
 * `Lucy left the map in the mill.` / `Where did Lucy leave the map? In the` ·
 * `The number of Hugh is 4821.` / `What is the number of Hugh? It is`
 *
 * Kinds are equally likely; names (30), things and places (15 each) are drawn with replacement, but nothing is stated
 * twice. Chance of a right first guess: friends 1/30, places 1/15, numbers 1/9000. The marker does not change what a seed
 * draws.
 *
 * @throws KvfoldError `recall-options` for numbers out of range
 */
export function recallTask({ seed, facts, distance, marker = true }: RecallTaskOptions): RecallTask {
  check("seed", seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  check("facts", facts, 1, 200);
  check("distance", distance, 0, 1e6);
  const random = new Random(seed);
  const all = recallFacts(random, facts);
  const asked = pick(random, all);
  const sentences = [...all.map(statement), ...drawProse(random, distance)];
  const prompt = `${marker ? RECALL_MARKER : ""} ${[...sentences, recallOpening(random, asked)].join(" ")}`;
  return { prompt, answer: asked.answer, kind: asked.kind };
}

function statement({ beginning, answer }: RecallFact): string {
  return `${beginning}${answer}.`;
}

function drawProse(random: Random, words: number): string[] {
  const sentences: string[] = [];
  for (let count = 0; count < words; ) {
    const sentence = pick(random, PROSE);
    sentences.push(sentence);
    count += sentence.split(" ").length;
  }
  return sentences;
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new KvfoldError("recall-options", `${name} must be a whole number from ${least} to ${most}; got ${value}.`);
}

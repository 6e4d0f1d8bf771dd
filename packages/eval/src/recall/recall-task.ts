import { KvfoldError } from "@kvfold/core";
import { Random } from "@kvfold/models";
import { NAMES, PLACES, PROSE, THINGS } from "./recall-words.js";

/** Options of {@link recallTask}. */
export interface RecallTaskOptions {
  /** Same seed, same task. */
  readonly seed: number;
  /** Facts stated, 1 to 200; one of them is asked. */
  readonly facts: number;
  /** At least this many words of prose, in whole sentences, stand between the last fact and the question. 0: none. */
  readonly distance: number;
}

/** A text that states facts and ends where one of them is asked. */
export interface RecallTask {
  /** The text up to the answer; starts with a space, as words inside a text do. */
  readonly prompt: string;
  /** What must follow, with its space in front: `" Peter"`. */
  readonly answer: string;
  readonly kind: "friend" | "place" | "number";
}

interface Fact extends Pick<RecallTask, "answer" | "kind"> {
  /** What may be stated once: two facts never share it. */
  readonly key: string;
  readonly statement: string;
  readonly question: string;
}

/**
 * Associative recall: facts are stated, prose follows, then one fact is asked, by a question or by the beginning of its
 * statement (either with probability 1/2):
 *
 * `The friend of Anna is Peter.` / `Who is the friend of Anna? It is` ·
 * `Lucy left the map in the mill.` / `Where did Lucy leave the map? In the` ·
 * `The number of Hugh is 4821.` / `What is the number of Hugh? It is`
 *
 * Kinds are equally likely; names (30), things and places (15 each) are drawn with replacement, but nothing is stated
 * twice. Chance of a right first guess: friends 1/30, places 1/15, numbers 1/9000.
 *
 * @throws KvfoldError `recall-options` for numbers out of range
 */
export function recallTask({ seed, facts, distance }: RecallTaskOptions): RecallTask {
  check("seed", seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  check("facts", facts, 1, 200);
  check("distance", distance, 0, 1e6);
  const random = new Random(seed);
  const stated = new Map<string, Fact>();
  while (stated.size < facts) {
    const fact = drawFact(random);
    if (!stated.has(fact.key)) stated.set(fact.key, fact);
  }
  const all = [...stated.values()];
  const asked = pick(random, all);
  const sentences = [...all.map(({ statement }) => statement), ...drawProse(random, distance)];
  const opening = random.next() < 0.5 ? asked.question : beginning(asked);
  return { prompt: ` ${[...sentences, opening].join(" ")}`, answer: asked.answer, kind: asked.kind };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

function drawFact(random: Random): Fact {
  const name = pick(random, NAMES);
  const kind = pick(random, ["friend", "place", "number"] as const);
  if (kind === "place") {
    const [thing, place] = [pick(random, THINGS), pick(random, PLACES)];
    const statement = `${name} left the ${thing} in the ${place}.`;
    const question = `Where did ${name} leave the ${thing}? In the`;
    return { kind, key: `${name} ${thing}`, statement, question, answer: ` ${place}` };
  }
  const answer = kind === "friend" ? pick(random, NAMES) : `${1000 + Math.floor(random.next() * 9000)}`;
  const question = `${kind === "friend" ? "Who" : "What"} is the ${kind} of ${name}? It is`;
  return {
    kind,
    key: `${name} ${kind}`,
    statement: `The ${kind} of ${name} is ${answer}.`,
    question,
    answer: ` ${answer}`,
  };
}

function beginning({ statement, answer }: Fact): string {
  return statement.slice(0, statement.lastIndexOf(answer));
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

import type { Random } from "@kvfold/models";
import { NAMES, PLACES, THINGS } from "./recall-words.js";

/**
 * First sentence of every recall text, in training and in evaluation: it says that questions will follow, so that a model
 * trained on such texts keeps them out of its ordinary prose.
 */
export const RECALL_MARKER = "Remember what is told here.";

/** What a fact is about. */
export type RecallKind = "friend" | "place" | "number";

/** Something that is stated, and can be asked. Texts inside a sentence start with a space. */
export interface RecallFact {
  readonly kind: RecallKind;
  /** What may be stated once: two facts of a text never share it. */
  readonly key: string;
  /** The statement up to its answer: `The friend of Anna is`. It ends with {@link answer} and a full stop. */
  readonly beginning: string;
  /** `Who is the friend of Anna? It is` */
  readonly question: string;
  /** `" Peter"`, with its space in front. */
  readonly answer: string;
}

/**
 * Facts with different keys; kinds are equally likely, names (30), things and places (15 each) are drawn with replacement.
 *
 * @param count facts, at most 200
 */
export function recallFacts(random: Random, count: number): RecallFact[] {
  const facts = new Map<string, RecallFact>();
  while (facts.size < count) {
    const fact = drawFact(random);
    if (!facts.has(fact.key)) facts.set(fact.key, fact);
  }
  return [...facts.values()];
}

/** How a fact is asked: by its question or by the beginning of its statement, either with probability 1/2. */
export function recallOpening(random: Random, { beginning, question }: RecallFact): string {
  return random.next() < 0.5 ? question : beginning;
}

/** One of a list. */
export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

function drawFact(random: Random): RecallFact {
  const name = pick(random, NAMES);
  const kind = pick(random, ["friend", "place", "number"] as const);
  if (kind === "place") {
    const [thing, place] = [pick(random, THINGS), pick(random, PLACES)];
    const beginning = `${name} left the ${thing} in the`;
    const question = `Where did ${name} leave the ${thing}? In the`;
    return { kind, key: `${name} ${thing}`, beginning, question, answer: ` ${place}` };
  }
  const answer = kind === "friend" ? pick(random, NAMES) : `${1000 + Math.floor(random.next() * 9000)}`;
  const question = `${kind === "friend" ? "Who" : "What"} is the ${kind} of ${name}? It is`;
  return { kind, key: `${name} ${kind}`, beginning: `The ${kind} of ${name} is`, question, answer: ` ${answer}` };
}

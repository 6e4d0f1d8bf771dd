import { RECALL_MARKER, recallFacts, recallOpening, recallTokens } from "@kvfold/eval";
import type { Random, Tokenizer } from "@kvfold/models";
import { shuffle } from "./shuffle.js";
import type { TrainingPart } from "./text-rows.js";

/** Most questions of a round: more facts than these stay unasked. */
const QUESTIONS = 8;
/** Tokens of prose between facts and before the questions: at most so many. */
const BETWEEN = 32;
const BEFORE_QUESTIONS = 128;
/** About what a fact and its question take, with the prose beside it: rounds near the end of a row get fewer facts. */
const FACT_TOKENS = 40;

/** Tokens of a row and the one after them, `[length + 1]`. */
export interface RecallRow {
  readonly tokens: Int32Array;
  /** 1 where a token answers a question. */
  readonly answers: Uint8Array;
}

/**
 * Rows that teach recall: rounds, each a document of its own, until the row is full. A round opens with the begin token and
 * the marker sentence; facts follow, with windows of the training text between them (a half of the facts, 1 to 32 tokens)
 * and before the questions (0 to 128 tokens); then up to 8 facts are asked in random order, each with its answer and a full
 * stop. Small numbers of facts are the most frequent: 1 + floor(facts · u²).
 *
 * Text is spelled as in a recall task of `@kvfold/eval`.
 */
export class RecallRows {
  private readonly pieces = new Map<string, Int32Array>();
  private readonly opening: Int32Array;
  private readonly prose = new Int32Array(BEFORE_QUESTIONS);
  private row: RecallRow = { tokens: new Int32Array(0), answers: new Uint8Array(0) };
  private at = 0;

  /**
   * @param tokenizer that the stream was made with
   * @param facts most facts of a round
   */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly text: TrainingPart,
    private readonly facts: number,
  ) {
    const marker = tokenizer.encode(RECALL_MARKER, { addSpecialTokens: false });
    this.opening = Int32Array.of(text.stream.beginId, ...marker);
  }

  /** Fills a row; the same state of `random` gives the same row. */
  fill(random: Random, row: RecallRow): void {
    this.row = row;
    this.at = 0;
    row.answers.fill(0);
    while (this.left > 0) this.round(random);
  }

  private get left(): number {
    return this.row.tokens.length - this.at;
  }

  private round(random: Random): void {
    const room = Math.max(1, Math.floor(this.left / FACT_TOKENS));
    const count = Math.min(1 + Math.floor(this.facts * random.next() ** 2), room);
    const distance = Math.min(whole(random, random.next() < 0.5 ? 16 : BEFORE_QUESTIONS), this.left >> 2);
    this.write(this.opening);
    const facts = recallFacts(random, count);
    for (const { beginning, answer } of facts) {
      if (random.next() < 0.5) this.writeProse(random, 1 + whole(random, BETWEEN - 1));
      this.writeSentence(beginning, answer, 0);
    }
    this.writeProse(random, distance);
    for (const fact of shuffle(random, [...facts]).slice(0, QUESTIONS)) {
      this.writeSentence(recallOpening(random, fact), fact.answer, 1);
    }
  }

  private writeSentence(beginning: string, answer: string, asked: 0 | 1): void {
    this.write(this.piece(".", ` ${beginning}`));
    const from = this.at;
    this.write(this.piece(beginning.slice(beginning.lastIndexOf(" ")), answer));
    this.row.answers.fill(asked, from, this.at);
    this.write(this.piece("a", "."));
  }

  /** A window of the training text, up to the end of its document. */
  private writeProse(random: Random, count: number): void {
    const { stream, trained } = this.text;
    const window = this.prose.subarray(0, Math.min(count, trained));
    stream.read(whole(random, trained - window.length), window);
    const end = window.indexOf(stream.beginId);
    this.write(end < 0 ? window : window.subarray(0, end));
  }

  private write(tokens: Int32Array): void {
    const fitting = tokens.subarray(0, this.left);
    this.row.tokens.set(fitting, this.at);
    this.at += fitting.length;
  }

  /** Tokens of `text` where it follows `before`. */
  private piece(before: string, text: string): Int32Array {
    const key = before + text;
    let tokens = this.pieces.get(key);
    if (tokens === undefined) {
      tokens = recallTokens({ prompt: before, answer: text }, this.tokenizer).answer;
      this.pieces.set(key, tokens);
    }
    return tokens;
  }
}

/** A whole number from 0 to `most`. */
function whole(random: Random, most: number): number {
  return Math.floor(random.next() * (most + 1));
}

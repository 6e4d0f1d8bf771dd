import { type Seeded, seeded } from "@kvfold/core/testing";
import type { BorrowedChannel, PolicyTraits } from "../policy.js";
import type { LawSubject } from "./law.js";

/** One random setting that a law is checked in. */
export interface LawCase {
  readonly seed: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Tokens of each text. */
  readonly lengths: readonly number[];
  readonly rotates: boolean;
  /** Sliding window of the model. */
  readonly window: number | undefined;
  /** Borrowed channel that the call site states. */
  readonly borrowed: BorrowedChannel | undefined;
}

/** Traits of every layer of a subject's policy, in a model of the given shape. */
function traitsOf(subject: LawSubject, shape: Pick<LawCase, "queryHeads" | "kvHeads" | "headDim">) {
  const layers = subject.layers ?? 2;
  const policy = subject.policy();
  return Array.from(
    { length: layers },
    (_, layer): PolicyTraits =>
      policy.forLayer({
        layer,
        layers,
        queryHeads: shape.queryHeads,
        kvHeads: shape.kvHeads,
        headDim: shape.headDim,
      }).traits,
  );
}

/** The traits where the shape does not matter: whether it is lossless, how it chunks. */
export function anyTraits(subject: LawSubject): PolicyTraits[] {
  return traitsOf(subject, { queryHeads: 2, kvHeads: 1, headDim: 4 });
}

/**
 * Draws a case: MHA and groups of 2 and 3, one to three texts of different lengths, even head sizes from 2 to 32, with
 * and without rotation, model window and borrowed channel. The same seed gives the same case.
 */
export function drawCase(subject: LawSubject, seed: number): LawCase {
  const random = seeded(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.next() * values.length)] as T;
  // the seed itself walks through the groups and batch sizes, so that few cases meet all of them
  const group = 1 + (seed % 3);
  const kvHeads = pick([1, 2, 3]);
  const headDim = pick([2, 4, 6, 8, 16, 32]);
  const shape = { queryHeads: kvHeads * group, kvHeads, headDim };
  const texts = 1 + (Math.floor(seed / 2) % 3);
  return {
    seed,
    layers: subject.layers ?? 2,
    ...shape,
    lengths: Array.from({ length: texts }, () => 6 + Math.floor(random.next() * 12)),
    rotates: random.next() < 0.75,
    window: random.next() < 0.3 ? 3 + Math.floor(random.next() * 6) : undefined,
    borrowed: drawBorrowed(subject, shape, random),
  };
}

/** A policy that borrows a channel gets that one; others any, or none. */
function drawBorrowed(subject: LawSubject, shape: Parameters<typeof traitsOf>[1], random: Seeded) {
  const own = traitsOf(subject, shape).find((traits) => traits.borrowed)?.borrowed;
  const states = random.next() < 0.4;
  if (!states) return undefined;
  const queries = random.next() < 0.5 ? ("all" as const) : ("first-of-group" as const);
  return own ?? { channel: Math.floor(random.next() * shape.headDim), queries, keys: random.next() < 0.5 };
}

/** A case in words, for messages. */
export function describeCase(c: LawCase): string {
  const extras = [
    c.rotates ? "rope" : "no rope",
    ...(c.window === undefined ? [] : [`model window ${c.window}`]),
    ...(c.borrowed ? [`borrowed channel ${c.borrowed.channel}`] : []),
  ];
  return `${c.queryHeads} query heads, ${c.kvHeads} KV heads of ${c.headDim}, texts of ${c.lengths.join("+")} tokens, ${extras.join(", ")}, seed ${c.seed}`;
}

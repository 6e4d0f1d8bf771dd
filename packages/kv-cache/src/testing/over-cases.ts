import { KvfoldError, Rope } from "@kvfold/core";
import { type Seeded, seeded } from "@kvfold/core/testing";
import { KvCache } from "../kv-cache.js";
import type { CachePolicy } from "../policy.js";
import type { StoreFactory } from "../store.js";
import { createStore } from "../store-registry.js";
import { clearMargin, type DecisionWatch, watchPolicy, watchStore } from "./clear-decisions.js";
import { tolerance } from "./compare-outputs.js";
import { drawTexts, type Texts } from "./draw-texts.js";
import type { LawSubject } from "./law.js";
import { describeCase, drawCase, type LawCase } from "./law-case.js";
import { LawRun } from "./law-run.js";

/** What the body of a law works with: one case, and caches that are disposed when it ends. */
export interface Bench {
  readonly subject: LawSubject;
  readonly case: LawCase;
  readonly texts: Texts;
  readonly rope: Rope | undefined;
  /** For choices of the law itself: chunks, rows. */
  readonly random: Seeded;
  /** The subject's policy, watched. */
  readonly policy: CachePolicy;
  /** The subject's stores, watched. */
  readonly store: StoreFactory;
  /** Largest difference, absolute, between outputs over the subject's entries and over float32 ones. */
  readonly codedTolerance: number;
  /** A cache with one row for each text named, ready to read. Default: all texts. */
  run(rowTexts?: readonly number[], options?: { policy?: CachePolicy; store?: StoreFactory }): LawRun;
  /** Has a cache disposed at the end. */
  track(cache: KvCache): KvCache;
}

/** Draws that may fall too near to a threshold before a case is given up. */
const maxRedraws = 40;

/**
 * Runs the body over random cases and collects its violations. A case in which a decision is nearer to its threshold
 * than 1e-4 is redrawn. An exception of the body is a violation.
 *
 * @param adapt changes a drawn case (law 1 wants rows of one text, for example)
 */
export async function overCases(
  subject: LawSubject,
  options: { cases: number; seed: number; adapt?: (c: LawCase) => LawCase },
  body: (bench: Bench) => readonly string[] | Promise<readonly string[]>,
): Promise<{ violations: string[] }> {
  const violations: string[] = [];
  for (let i = 0; i < options.cases; i++) {
    for (let redraw = 0; ; redraw++) {
      const drawn = drawCase(subject, options.seed + i + redraw * 6000);
      const { found, nearest } = await runCase(subject, options.adapt?.(drawn) ?? drawn, body);
      if (nearest < clearMargin && redraw < maxRedraws) continue;
      if (nearest < clearMargin) violations.push(`no case with clear decisions in ${maxRedraws} draws`);
      violations.push(...found.map((violation) => `${violation} (${describeCase(drawn)})`));
      break;
    }
  }
  return { violations };
}

async function runCase(
  subject: LawSubject,
  c: LawCase,
  body: (bench: Bench) => readonly string[] | Promise<readonly string[]>,
): Promise<{ found: readonly string[]; nearest: number }> {
  const watch: DecisionWatch = { nearest: Number.POSITIVE_INFINITY };
  const caches: KvCache[] = [];
  const rope = c.rotates ? makeRope(c.headDim) : undefined;
  const track = (cache: KvCache) => {
    caches.push(cache);
    return cache;
  };
  const texts = drawTexts(subject, c);
  const policy = watchPolicy(subject.policy(), subject, watch);
  const store = watchStore(subject.store ?? createStore, watch);
  const { layers, queryHeads, kvHeads, headDim } = c;
  const bench: Bench = {
    subject,
    case: c,
    texts,
    rope,
    random: seeded(c.seed * 31 + 5),
    policy,
    store,
    track,
    codedTolerance: subject.codec?.tolerance ?? tolerance,
    run: (rowTexts = texts.map((_, i) => i), own = {}) => {
      const rows = rowTexts.length;
      const codec = subject.codec?.name ?? "f32";
      const cache = new KvCache({ policy, store, codec, ...own, layers, queryHeads, kvHeads, headDim, rows });
      return new LawRun(track(cache), c, texts, rope, rowTexts);
    },
  };
  try {
    return { found: await body(bench), nearest: watch.nearest };
  } catch (error) {
    const kind = KvfoldError.isInstance(error) ? `KvfoldError ${error.code}` : "an error";
    return { found: [`threw ${kind}: ${(error as Error).message}`], nearest: watch.nearest };
  } finally {
    for (const cache of caches) cache.dispose();
    rope?.dispose();
  }
}

/** Plain RoPE over all channels, base 10000. */
export function makeRope(headDim: number): Rope {
  return new Rope({ headDim, rotaryDim: headDim, theta: 10000, maxPositions: 512, scaling: { type: "none" } });
}

import * as fc from "fast-check";
import { KvCache } from "../../kv-cache.js";
import { createStore } from "../../store-registry.js";
import { drawTexts, type Texts } from "../draw-texts.js";
import type { Law, LawSubject } from "../law.js";
import type { LawCase } from "../law-case.js";
import { LawRun } from "../law-run.js";
import { makeRope } from "../over-cases.js";

const sizes = ["usual", "huge", "tiny", "all equal"] as const;

/** Any shape that the types allow, any numbers, any order of calls. */
const scenario = fc.record({
  group: fc.integer({ min: 1, max: 3 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  halfHead: fc.integer({ min: 1, max: 16 }),
  rotates: fc.boolean(),
  window: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  numbers: fc.constantFrom(...sizes),
  seed: fc.nat(1_000_000),
  steps: fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 5,
  }),
  between: fc.constantFrom("nothing", "checkpoint and crop", "reverse the rows", "reset"),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** Law 12: no NaN, nothing out of bounds, for any shape the types allow. */
export const saneLaw: Law = {
  number: 12,
  title: "no NaN and nothing out of bounds, for any shape, numbers and order of calls",
  check: async (subject) => {
    const property = fc.property(scenario, (s) => {
      const found = playOut(subject, s);
      if (found.length > 0) throw new Error(found[0]);
    });
    const result = fc.check(property, { numRuns: 12, seed: 12, endOnFailure: false });
    if (!result.failed) return { violations: [] };
    const message = (result.errorInstance as Error | undefined)?.message ?? "failed";
    return { violations: [`${message} (${JSON.stringify(result.counterexample?.[0])})`] };
  },
};

function playOut(subject: LawSubject, s: Scenario): string[] {
  const rows = Math.max(...s.steps.map((step) => step.length));
  const counts = s.steps.map((step) => Array.from({ length: rows }, (_, row) => step[row] ?? 0));
  const lengths = Array.from({ length: rows }, (_, row) => counts.reduce((sum, step) => sum + (step[row] ?? 0), 1));
  const shape = { queryHeads: s.kvHeads * s.group, kvHeads: s.kvHeads, headDim: 2 * s.halfHead };
  const c: LawCase = {
    ...shape,
    seed: s.seed,
    layers: subject.layers ?? 2,
    lengths,
    rotates: s.rotates,
    window: s.window,
    borrowed: undefined,
  };
  const texts = rescale(drawTexts(subject, c), s.numbers);
  const policy = subject.policy();
  const codec = subject.codec?.name ?? "f32";
  const store = subject.store ?? createStore;
  const cache = new KvCache({ policy, layers: c.layers, ...shape, rows, codec, store });
  const rope = s.rotates ? makeRope(c.headDim) : undefined;
  try {
    const run = new LawRun(
      cache,
      c,
      texts,
      rope,
      lengths.map((_, row) => row),
    );
    run.feed(lengths.map(() => 1));
    counts.forEach((step, i) => {
      run.feed(step.map((count, row) => Math.min(count, run.remaining[row] ?? 0)));
      if (i === 0) interrupt(run, s.between, rows);
    });
    return [...insane(cache, subject), ...wildOutputs(run, texts, rows, 1.0001 + (subject.codec?.tolerance ?? 0))];
  } finally {
    cache.dispose();
    rope?.dispose();
  }
}

function interrupt(run: LawRun, between: Scenario["between"], rows: number): void {
  if (between === "reverse the rows") run.select(Array.from({ length: rows }, (_, row) => rows - 1 - row));
  if (between === "reset") {
    run.cache.reset();
    run.rewind(new Array(rows).fill(0));
  }
  if (between === "checkpoint and crop") {
    const here = run.cache.tokens;
    run.cache.checkpoint();
    run.feed(run.remaining.map((left) => Math.min(left, 2)));
    run.cache.crop(here);
    run.rewind(here);
  }
}

/** Numbers of a cache that cannot be. */
function insane(cache: KvCache, subject: LawSubject): string[] {
  const stats = cache.stats();
  return stats.layers.flatMap(({ layer, entries, tokens, segments, liveBytes, stateBytes }) => {
    const found: string[] = [];
    entries.forEach((heads, row) => {
      heads.forEach((length, head) => {
        const read = tokens[row] ?? 0;
        if (length > read || (read > 0 && length < 1)) {
          found.push(`layer ${layer}: lane ${row},${head} holds ${length} entries after ${read} tokens`);
        }
        const merged = segments?.[row]?.[head];
        if (merged && (merged.some((n) => n < 1) || merged.reduce((a, b) => a + b, 0) !== read)) {
          found.push(`layer ${layer}: segments [${merged}] of ${read} tokens`);
        }
      });
    });
    if (stateBytes > liveBytes) found.push(`layer ${layer}: state of ${stateBytes} in ${liveBytes} live bytes`);
    const { budget } = subject;
    if (budget !== undefined && entries.flat().some((n) => n > budget)) found.push(`layer ${layer} is over its budget`);
    return found;
  });
}

/** Attention averages values, so no output lies outside of them. */
function wildOutputs(run: LawRun, texts: Texts, rows: number, stretch: number): string[] {
  const most = texts.flat().reduce((best, { v }) => v.reduce((a, x) => Math.max(a, Math.abs(x)), best), 0);
  for (let row = 0; row < rows; row++) {
    for (const output of run.outputs(row)) {
      const bad = output.find((x) => !(Math.abs(x) <= most * stretch));
      if (bad !== undefined) return [`an output of row ${row} is ${bad}; values go up to ${most}`];
    }
  }
  return [];
}

function rescale(texts: Texts, numbers: Scenario["numbers"]): Texts {
  const factor = { usual: 1, huge: 1e4, tiny: 1e-8, "all equal": 1 }[numbers];
  const change = (x: Float32Array) =>
    numbers === "all equal" ? x.map(() => x[0] ?? 0) : x.map((value) => value * factor);
  return texts.map((layers) =>
    layers.map((text) => ({ ...text, q: change(text.q), k: change(text.k), v: change(text.v) })),
  );
}

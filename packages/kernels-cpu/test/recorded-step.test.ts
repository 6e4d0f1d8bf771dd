// Decoding steps that are replayed give the bits of steps that are not.
import { join } from "node:path";
import { repositoryRoot } from "@kvfold/core/testing";
import { type CachePolicy, type KvCache, parsePolicy, type RecordedStep, uniformPolicy } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel, modelPolicies } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

let model: LanguageModel;

beforeAll(async () => {
  await tf.setBackend("native");
  model = await loadLocalModel(join(repositoryRoot(), "packages/demo-model/plain"));
});
afterAll(() => {
  model.dispose();
});

const token = (i: number) => 5 + ((i * 7919) % 300);

/** One token for each row; replayed from the third time on. */
function decode(cache: KvCache, ids: readonly number[], rows?: readonly number[]): Float32Array {
  return tf.tidy(() =>
    model
      .forward(
        cache,
        ids.map((id) => [id]),
        rows ? { rows } : {},
      )
      .dataSync<"float32">(),
  );
}

/** The same through the path that is never recorded. */
function plainly(cache: KvCache, ids: readonly number[], rows?: readonly number[]): Float32Array {
  const options = { logits: "all" as const, ...(rows ? { rows } : {}) };
  return tf.tidy(() =>
    model
      .forward(
        cache,
        ids.map((id) => [id]),
        options,
      )
      .dataSync<"float32">(),
  );
}

/** What the cache keeps of its decoder: the state of the recording. */
function stateOf(cache: KvCache): { kind?: string; reason?: string } {
  const [kept] = [...(cache as unknown as { owned: Map<object, { state?: object }> }).owned.values()];
  return kept?.state ?? {};
}

function policyOf(spec: string): CachePolicy {
  return parsePolicy(spec, modelPolicies(model.config));
}

const prompt = Array.from({ length: 20 }, (_, i) => token(i));

function caches(policy: CachePolicy, count: number, rows = 1): KvCache[] {
  return Array.from({ length: count }, () => {
    const cache = model.createCache(policy, { rows });
    for (let row = 0; row < rows; row++) model.forward(cache, [prompt.slice(row)], { rows: [row] }).dispose();
    return cache;
  });
}

describe("a recorded decoding step", () => {
  it.each(["full", "window:sinks=2,recent=12", "dmc", "dmc:threshold=0.02", "dmc:force=4", "dmc:force=8,window=4"])(
    "%s: is replayed, and gives the same bits and the same cache",
    (spec) => {
      const [replayed, plain] = caches(policyOf(spec), 2) as [KvCache, KvCache];
      for (let i = 0; i < 40; i++) expect(decode(replayed, [token(i)])).toEqual(plainly(plain, [token(i)]));
      expect(stateOf(replayed)).toMatchObject({ kind: "recorded" });
      expect(replayed.tokens).toEqual(plain.tokens);
      expect(replayed.stats()).toEqual(plain.stats());
      replayed.dispose();
      plain.dispose();
    },
  );

  it.each(["full", "dmc:force=4"])("%s: replayed a call at a time, it gives the same bits", (spec) => {
    const [inParts, plain] = caches(policyOf(spec), 2) as [KvCache, KvCache];
    for (let i = 0; i < 3; i++) expect(decode(inParts, [token(i)])).toEqual(plainly(plain, [token(i)]));
    const { step: recorded } = stateOf(inParts) as { step: RecordedStep };
    let parts = 0;
    const replay = recorded.replay.bind(recorded);
    recorded.replay = (step) => {
      const replaying = recorded.replayInParts?.(step, 0) as Generator<void, boolean>;
      for (;;) {
        const part = replaying.next();
        if (part.done) return part.value;
        parts++;
      }
    };
    for (let i = 3; i < 30; i++) expect(decode(inParts, [token(i)])).toEqual(plainly(plain, [token(i)]));
    recorded.replay = replay;
    // at least the norm with projections, the step of the cache, the output and the MLP, in each layer
    expect(parts).toBeGreaterThan(27 * 4 * model.config.layers);
    inParts.dispose();
    plain.dispose();
  });

  it("is recorded with breaks, in which another cache's steps are recorded and replayed", () => {
    const [one, two, ...plain] = caches(policyOf("dmc:force=4"), 4) as [KvCache, KvCache, KvCache, KvCache];
    type InParts = { forwardParts(cache: KvCache, tokens: number[][], options: object, whole: boolean): Generator };
    const decoder = model.decoder as unknown as InParts;
    for (let i = 0; i < 12; i++) {
      // the second is a step behind, so that a recording, replays and plain steps meet
      const steps = [one, ...(i === 0 ? [] : [two])].map((cache) =>
        decoder.forwardParts(cache, [[token(i)]], {}, false),
      );
      const logits: tf.Tensor[] = [];
      while (logits.length < steps.length) {
        for (const step of steps) {
          const part = step.next();
          if (part.done && part.value !== undefined) logits.push(part.value as tf.Tensor);
        }
      }
      const [first] = plain as [KvCache, KvCache];
      const found = logits.map((each) => each.dataSync());
      expect(found).toContainEqual(plainly(first, [token(i)]));
      if (i > 0) expect(found).toContainEqual(plainly(plain[1] as KvCache, [token(i)]));
      tf.dispose(logits);
    }
    for (const cache of [one, two]) expect(stateOf(cache)).toMatchObject({ kind: "recorded" });
    for (const cache of [one, two, ...plain]) cache.dispose();
  });

  it.each(["full", "h2o:budget=16"])("%s: forwardAsync gives the bits of forward", async (spec) => {
    const [later, now] = caches(policyOf(spec), 2) as [KvCache, KvCache];
    for (let i = 0; i < 12; i++) {
      const logits = await model.forwardAsync(later, [[token(i)]]);
      expect(logits.dataSync()).toEqual(plainly(now, [token(i)]));
      logits.dispose();
    }
    expect(stateOf(later)).toMatchObject({ kind: spec === "full" ? "recorded" : "refused" });
    later.dispose();
    now.dispose();
  });

  it.each(["h2o:budget=16", "tova:budget=16", "window:sinks=2,recent=12,positions=reindexed"])(
    "%s: is not replayed where a replay would not see what the policy sees",
    (spec) => {
      const [cache, plain] = caches(policyOf(spec), 2) as [KvCache, KvCache];
      for (let i = 0; i < 12; i++) expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)]));
      expect(stateOf(cache)).toMatchObject({ kind: "refused" });
      cache.dispose();
      plain.dispose();
    },
  );

  it("refuses a policy that reads positions on the host, though it does not say so", () => {
    const policy = uniformPolicy(
      "every-other",
      {
        traits: { rotation: "at-write", columns: ["position"], lossless: false, chunking: "exact" },
        decide: () => ({ op: "append" }),
        evictAfter: ({ step }) => ({ op: "drop-range", from: 0, keepLast: 8 + ((step.starts[0] ?? 0) % 2) }),
      },
      (tokens, shape) => ({ entries: Math.min(tokens, 9) * shape.kvHeads, columns: 1, stateBytes: 0 }),
    );
    const [cache, plain] = caches(policy, 2) as [KvCache, KvCache];
    for (let i = 0; i < 9; i++) expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)]));
    expect(stateOf(cache)).toEqual({ kind: "refused", reason: "the policy reads positions on the host" });
    cache.dispose();
    plain.dispose();
  });

  it("goes on after crops, chunks, forks and other rows", () => {
    const [cache, plain] = caches(policyOf("full"), 2, 3) as [KvCache, KvCache];
    const both = (ids: readonly number[], rows?: readonly number[]) =>
      expect(decode(cache, ids, rows)).toEqual(plainly(plain, ids, rows));
    for (let i = 0; i < 5; i++) both([token(i), token(i + 1), token(i + 2)]);
    for (let i = 0; i < 4; i++) both([token(i), token(i + 3)], [0, 2]);
    for (const each of [cache, plain]) {
      each.crop(10);
      model.forward(each, [prompt, prompt, prompt]).dispose();
    }
    for (let i = 0; i < 4; i++) both([token(i), token(i + 3)], [0, 2]);
    const forks = [cache.fork(), plain.fork()] as const;
    for (let i = 0; i < 4; i++) expect(decode(forks[0], [1, 2, 3])).toEqual(plainly(forks[1], [1, 2, 3]));
    both([token(1), token(3)], [0, 2]);
    for (const each of [cache, plain]) each.selectRows([2]);
    for (let i = 0; i < 4; i++) both([token(i)]);
    for (const each of [...forks, cache, plain]) each.dispose();
  });

  it("hands out logits that later steps leave alone", () => {
    const [cache] = caches(policyOf("full"), 1) as [KvCache];
    const early = Array.from({ length: 4 }, (_, i) => model.forward(cache, [[token(i)]]));
    const values = early.map((logits) => logits.dataSync().slice());
    for (let i = 0; i < 3; i++) decode(cache, [token(i + 9)]);
    early.forEach((logits, i) => {
      expect(logits.dataSync()).toEqual(values[i]);
    });
    tf.dispose(early);
    cache.dispose();
  });

  it("refuses to run on a model that was disposed of", async () => {
    const other = await loadLocalModel(join(repositoryRoot(), "packages/demo-model/plain"));
    const cache = other.createCache(policyOf("full"));
    for (let i = 0; i < 5; i++) other.forward(cache, [[token(i)]]).dispose();
    expect(stateOf(cache)).toMatchObject({ kind: "recorded" });
    other.dispose();
    expect(() => other.forward(cache, [[token(6)]])).toThrow(/model was disposed/);
    cache.dispose();
  });

  it("frees its memory with the cache", () => {
    const figures = () => {
      const { pooledBytes } = tf.memory() as unknown as { pooledBytes: number };
      return { pooledBytes, tensors: tf.memory().numTensors };
    };
    const once = () => {
      const [cache] = caches(policyOf("dmc:force=4"), 1) as [KvCache];
      for (let i = 0; i < 6; i++) decode(cache, [token(i)]);
      cache.dispose();
    };
    once(); // angles and the like are remembered
    const before = figures();
    for (let i = 0; i < 5; i++) once();
    expect(figures()).toEqual(before);
  });

  it("takes no memory in a steady state", () => {
    const [cache] = caches(policyOf("window:sinks=2,recent=12"), 1) as [KvCache];
    for (let i = 0; i < 10; i++) decode(cache, [token(i)]);
    const before = { live: cache.liveBytes, tensors: tf.memory().numTensors };
    for (let i = 0; i < 500; i++) decode(cache, [token(i)]);
    expect({ live: cache.liveBytes, tensors: tf.memory().numTensors }).toEqual(before);
    cache.dispose();
  });
});

// Decoding steps that are replayed as one graph give the bits of steps that are not.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "@kvfold/core/testing";
import { type CachePolicy, type KvCache, parsePolicy, uniformPolicy } from "@kvfold/kv-cache";
import { Decoder, loadDecoderWeights, modelPolicies, openHfFolder, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCuda } from "../src/load-cuda.js";
import { emulator } from "./use-emulator.js";

const folder = join(repositoryRoot(), "testdata/goldens/dmc/tiny_llama");
let model: Decoder;
let close = () => {};

const token = (i: number) => 5 + ((i * 7919) % 59);
const prompt = Array.from({ length: 20 }, (_, i) => token(i));

/** One token for each row, by the path that is recorded, or by the one that never is. */
function decode(cache: KvCache, ids: readonly number[], how: { rows?: readonly number[]; logits?: "all" } = {}) {
  const lists = ids.map((id) => [id]);
  return tf.tidy(() => model.forward(cache, lists, how).dataSync<"float32">());
}
const plainly = (cache: KvCache, ids: readonly number[], rows?: readonly number[]) =>
  decode(cache, ids, { logits: "all", ...(rows ? { rows } : {}) });

/** What the cache keeps of its decoder: the state of the recording. */
function stateOf(cache: KvCache): { kind?: string; reason?: string; step?: object } {
  const [kept] = [...(cache as unknown as { owned: Map<object, { state?: object }> }).owned.values()];
  return kept?.state ?? {};
}

const policyOf = (spec: string): CachePolicy => parsePolicy(spec, modelPolicies(model.config));

function caches(policy: CachePolicy, count: number, { rows = 1, codec = "f32" } = {}): KvCache[] {
  return Array.from({ length: count }, () => {
    const cache = model.createCache(policy, rows, codec);
    for (let row = 0; row < rows; row++) model.forward(cache, [prompt.slice(row)], { rows: [row] }).dispose();
    return cache;
  });
}

/** Calls of the driver, and kernels that ran. */
function costOf(work: () => void): { readonly calls: number; readonly launches: number } {
  const before = emulator?.report();
  work();
  const after = emulator?.report();
  return {
    calls: (after?.calls ?? 0) - (before?.calls ?? 0),
    launches: (after?.launches ?? 0) - (before?.launches ?? 0),
  };
}

describe.skipIf(emulator === undefined)("a recorded decoding step", () => {
  beforeAll(async () => {
    loadCuda({ matmulPrecision: "bf16" });
    await tf.setBackend("cuda");
    const source = openHfFolder(folder);
    close = () => source[Symbol.dispose]();
    const config = parseConfig(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")));
    model = new Decoder(config, loadDecoderWeights(source, config));
  });
  afterAll(() => {
    model?.dispose();
    close();
    expect(emulator?.report().problems).toEqual([]);
  });

  it.each([
    ["full", "f32"],
    ["full", "int8"],
    ["window:sinks=2,recent=12", "f32"],
    ["dmc", "f32"],
    ["dmc:threshold=0.02", "f32"],
    ["dmc:force=4", "bf16"],
    ["dmc:force=8,window=4", "f32"],
  ])("%s in %s: is replayed, and gives the same bits and the same cache", (spec, codec) => {
    const [replayed, plain] = caches(policyOf(spec), 2, { codec }) as [KvCache, KvCache];
    for (let i = 0; i < 10; i++) expect(decode(replayed, [token(i)]), `step ${i}`).toEqual(plainly(plain, [token(i)]));
    expect(stateOf(replayed)).toMatchObject({ kind: "recorded" });
    expect(replayed.tokens).toEqual(plain.tokens);
    expect(replayed.stats()).toEqual(plain.stats());
    replayed.dispose();
    plain.dispose();
  });

  it.each(["h2o:budget=16", "tova:budget=16", "window:sinks=2,recent=12,positions=reindexed"])(
    "%s: is not replayed where a replay would not see what the policy sees",
    (spec) => {
      const [cache, plain] = caches(policyOf(spec), 2) as [KvCache, KvCache];
      for (let i = 0; i < 6; i++) expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)]));
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
    for (let i = 0; i < 5; i++) expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)]));
    expect(stateOf(cache)).toEqual({ kind: "refused", reason: "the policy reads positions on the host" });
    cache.dispose();
    plain.dispose();
  });

  it("goes on after crops, chunks, forks and other rows, while other caches make pages move", () => {
    const [cache, plain] = caches(policyOf("full"), 2, { rows: 3 }) as [KvCache, KvCache];
    const both = (ids: readonly number[], rows?: readonly number[]) =>
      expect(decode(cache, ids, rows ? { rows } : {})).toEqual(plainly(plain, ids, rows));
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
    const others = caches(policyOf("full"), 3, { rows: 4 });
    for (let i = 0; i < 4; i++) both([token(i)]);
    for (const each of [...forks, ...others, cache, plain]) each.dispose();
  });

  it("leaves forks and checkpoints alone when lanes merge", () => {
    const [cache, plain] = caches(policyOf("dmc:force=3"), 2) as [KvCache, KvCache];
    const both = (i: number) => expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)]));
    for (let i = 0; i < 3; i++) both(i);
    for (const each of [cache, plain]) each.checkpoint();
    const early = [cache.fork(), plain.fork()] as const;
    for (let i = 0; i < 3; i++) both(i);
    const late = [cache.fork(), plain.fork()] as const;
    for (let i = 0; i < 2; i++) both(i);
    for (const [fork, other] of [early, late]) {
      for (let i = 0; i < 3; i++) expect(decode(fork, [token(i + 7)])).toEqual(plainly(other, [token(i + 7)]));
    }
    for (const each of [cache, plain]) each.crop(23);
    for (let i = 0; i < 3; i++) both(i + 2);
    for (const each of [cache, plain, ...early, ...late]) each.dispose();
  });

  it("is made anew when a lane outgrows its list of pages, and only then", () => {
    const [cache, plain] = caches(policyOf("full"), 2) as [KvCache, KvCache];
    const steps = new Set<object>();
    for (const each of [cache, plain]) model.forward(each, [Array.from({ length: 100 }, (_, i) => token(i))]).dispose();
    for (let i = 0; i < 16; i++) {
      expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)])); // 8 pages of 16 at first
      const { step } = stateOf(cache);
      if (step !== undefined) steps.add(step);
    }
    expect(cache.stats()).toEqual(plain.stats());
    expect(steps.size).toBe(2);
    cache.dispose();
    plain.dispose();
  });

  it("is one launch of a graph and one upload", () => {
    const [cache, plain] = caches(policyOf("dmc"), 2) as [KvCache, KvCache];
    for (let i = 0; i < 3; i++) decode(cache, [token(i)]);
    model.forward(plain, [[5]], { logits: "all" }).dispose();
    const once = (how: { logits?: "all" }) => model.forward(how.logits ? plain : cache, [[7]], how).dispose();
    waitForDevice();
    const [replayed, usual] = [costOf(() => once({})), costOf(() => once({ logits: "all" }))];
    // what goes in, the graph, a factor and the copy of the logits; each call names the context first
    expect(replayed.calls).toBeLessThanOrEqual(12);
    expect(usual.calls).toBeGreaterThan(6 * replayed.calls);
    waitForDevice();
    cache.dispose();
    plain.dispose();
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

  it("gives its memory and its graph back with the cache", () => {
    const figures = () => ({
      used: (tf.memory() as unknown as { usedBytes: number }).usedBytes,
      tensors: tf.memory().numTensors,
    });
    const once = () => {
      const [cache] = caches(policyOf("dmc:force=4"), 1) as [KvCache];
      for (let i = 0; i < 6; i++) decode(cache, [token(i)]);
      expect(emulator?.report().graphs).toBe(1);
      cache.dispose();
      expect(emulator?.report().graphs).toBe(0);
    };
    once(); // angles and the like are remembered
    const before = figures();
    for (let i = 0; i < 3; i++) once();
    expect(figures()).toEqual(before);
  });

  it("goes on without a graph where the driver makes none, and says why", () => {
    const [cache, plain] = caches(policyOf("full"), 2) as [KvCache, KvCache];
    emulator?.inject("cuGraphInstantiateWithFlags", 801);
    for (let i = 0; i < 4; i++) expect(decode(cache, [token(i)])).toEqual(plainly(plain, [token(i)]));
    expect(stateOf(cache)).toMatchObject({ kind: "refused", reason: expect.stringContaining("cuGraphInstantiate") });
    cache.dispose();
    plain.dispose();
  });
});

/** Lets the device do all that waits on it. */
function waitForDevice(): void {
  tf.tidy(() => tf.ones([1]).dataSync());
}

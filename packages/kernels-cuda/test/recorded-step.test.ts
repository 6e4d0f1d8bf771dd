// Decoding steps that are replayed as one graph give the bits of steps that are not.
import { join } from "node:path";
import { repositoryRoot } from "@kvfold/core/testing";
import { type CachePolicy, type KvCache, parsePolicy, uniformPolicy } from "@kvfold/kv-cache";
import { type LanguageModel, loadLocalModel, modelPolicies } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCuda } from "../src/load-cuda.js";
import { emulator } from "./use-emulator.js";

let model: LanguageModel;

const token = (i: number) => 5 + ((i * 7919) % 300);
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
    const cache = model.createCache(policy, { rows, codec });
    for (let row = 0; row < rows; row++) model.forward(cache, [prompt.slice(row)], { rows: [row] }).dispose();
    return cache;
  });
}

/** Calls of the driver, and kernels that ran. */
function costOf(work: () => void): { readonly calls: number; readonly launches: number } {
  const before = emulator?.report();
  work();
  const after = emulator?.report();
  return { calls: (after?.calls ?? 0) - (before?.calls ?? 0), launches: (after?.launches ?? 0) - (before?.launches ?? 0) };
}

describe.skipIf(emulator === undefined)("a recorded decoding step", () => {
  beforeAll(async () => {
    loadCuda({ matmulPrecision: "bf16" });
    await tf.setBackend("cuda");
    model = await loadLocalModel(join(repositoryRoot(), "packages/demo-model/plain"));
  });
  afterAll(() => {
    model?.dispose();
    expect(emulator?.report().problems).toEqual([]);
  });

  it.each([
    ["full", "f32"],
    ["full", "int8"],
    ["window:sinks=2,recent=12", "f32"],
    ["dmc:threshold=0.02", "f32"],
    ["dmc:force=4", "bf16"],
    ["dmc:force=8,window=4", "f32"],
  ])("%s in %s: is replayed, and gives the same bits and the same cache", (spec, codec) => {
    const [replayed, plain] = caches(policyOf(spec), 2, { codec }) as [KvCache, KvCache];
    for (let i = 0; i < 24; i++) expect(decode(replayed, [token(i)]), `step ${i}`).toEqual(plainly(plain, [token(i)]));
    expect(stateOf(replayed)).toMatchObject({ kind: "recorded" });
    expect(replayed.tokens).toEqual(plain.tokens);
    expect(replayed.stats()).toEqual(plain.stats());
    replayed.dispose();
    plain.dispose();
  });
});

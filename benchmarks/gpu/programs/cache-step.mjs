// A decoding step of one layer's cache (decide, update, write, attend), by events of the device: plain, under DMC that never
// merges, and under DMC at CR 8 with lanes of CR 1 to 16. 64 rows x 16K tokens, 8 KV heads of 4 queries, bf16 entries.
// Every step is launched from JavaScript, in turn; where that takes longer than the device, the device waits and it shows.
import { Rope } from "@kvfold/core";
import { dmc } from "@kvfold/dmc";
import { attention, full, KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { spread } from "../../src/spread.mjs";
import { report } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

const rows = 64;
const depth = 16_384;
const chunk = 256;
const steps = 8;
const rounds = 9;
const shape = { queryHeads: 32, kvHeads: 8, headDim: 128 };
const policies = { full: full(), "dmc, CR 1": dmc({ force: 1 }), "dmc, CR 8": dmc({ force: 8 }) };

await useCuda({ matmulPrecision: "bf16" });
const { headDim } = shape;
const rope = new Rope({
  headDim,
  rotaryDim: headDim,
  theta: 10_000,
  maxPositions: 2 * depth,
  scaling: { type: "none" },
});
/** One row's numbers for all rows: what they are does not change the work. */
const tensors = (tokens) => {
  const of = (heads, seed) =>
    tf.tile(tf.randomNormal([1, heads, tokens, headDim], 0, 1, "float32", seed), [rows, 1, 1, 1]);
  return { q: of(shape.queryHeads, 1), k: of(shape.kvHeads, 2), v: of(shape.kvHeads, 3) };
};
const prompt = tensors(chunk);
const single = tensors(1);
const run = (cache, call) => attention(cache.layer(0), { ...call, rope }).dispose();

const caches = Object.entries(policies).map(([name, policy]) => {
  const cache = new KvCache({ policy, layers: 1, rows, codec: "bf16", ...shape });
  for (let at = 0; at < depth; at += chunk) run(cache, { ...prompt, endOfPrefill: at + chunk === depth });
  return { name, cache, took: [], waited: [] };
});
for (let round = 0; round <= rounds; round++) {
  for (const { cache, took, waited } of caches) {
    const start = performance.now();
    let launched = 0;
    const { kernelMs } = await tf.backend().time(() => {
      for (let i = 0; i < steps; i++) run(cache, single);
      launched = performance.now() - start;
    });
    if (round === 0) continue; // warms up
    took.push(kernelMs / steps);
    waited.push(launched / steps);
  }
}
const plain = caches[0];
for (const { name, cache, took, waited } of caches) {
  const entries = cache
    .stats()
    .layers[0].entries.flat()
    .reduce((a, b) => a + b, 0);
  report({
    kind: "step",
    case: name,
    entries,
    milliseconds: spread(took),
    hostMilliseconds: spread(waited).median,
    gigabytesPerSecond: (entries * 2 * headDim * 2) / spread(took).median / 1e6,
    timesPlain: spread(took.map((ms, i) => ms / plain.took[i])).median,
  });
}

// One policy in a process of its own, so that its peak memory is its own: node portable-run.mjs MODEL SPEC BACKEND.
// Prints one line of JSON.
import { chooseBackend } from "@kvfold/core";
import { parsePolicy } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";

const [path, spec, backend] = process.argv.slice(2);
const depths = [0, 512];
const steps = 16;
const repeats = 3;

await chooseBackend({ prefer: backend });
const seconds = (start) => (performance.now() - start) / 1000;
let start = performance.now();
const model = await loadLocalModel(path);
const loadSeconds = seconds(start);
const policy = parsePolicy(spec, modelPolicies(model.config));

/** Runs tokens and waits for the numbers, as generation does. */
async function run(cache, tokens) {
  const logits = model.forward(cache, [tokens], { endOfPrefill: true });
  const values = await logits.data();
  logits.dispose();
  return values;
}

// text of no meaning, the same for every policy
const tokens = Array.from({ length: 512 }, (_, i) => 100 + ((i * 7919) % 40000));
const prefill = [];
const decode = Object.fromEntries(depths.map((depth) => [depth, []]));
let stats;
for (let repeat = 0; repeat <= repeats; repeat++) {
  for (const depth of depths) {
    const cache = model.createCache(policy);
    if (depth > 0) {
      start = performance.now();
      await run(cache, tokens.slice(0, depth));
      if (repeat > 0) prefill.push(depth / seconds(start)); // the first round warms up
    } else await run(cache, tokens.slice(0, 1));
    start = performance.now();
    for (let step = 0; step < steps; step++) await run(cache, [tokens[step]]);
    if (repeat > 0) decode[depth].push(steps / seconds(start));
    stats = cache.stats();
    cache.dispose();
  }
}

const parameters = model.config.vocabSize * model.config.hiddenSize + countLayers();
const weightBytes = parameters * 4;
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(
  JSON.stringify({
    policy: spec,
    backend,
    loadSeconds,
    prefillTokensPerSecond: spread(prefill),
    decodeTokensPerSecond: Object.fromEntries(depths.map((depth) => [depth, spread(decode[depth])])),
    depth: stats.tokens,
    entries: stats.entries,
    liveBytes: stats.liveBytes,
    compressionRatio: stats.compressionRatio,
    byteRatio: stats.byteRatio,
    peakResidentBytes: peakBytes,
    peakOverFloat32Weights: peakBytes / weightBytes,
    tensorBytes: tf.memory().numBytes,
  }),
);

/** Numbers in the matrices of all layers (norms are a rounding error). */
function countLayers() {
  const { hiddenSize, intermediateSize, queryHeads, kvHeads, headDim, layers } = model.config;
  return layers * (2 * hiddenSize * headDim * (queryHeads + kvHeads) + 3 * hiddenSize * intermediateSize);
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted[sorted.length - 1] };
}

// One policy in a process of its own, so that its peak memory is its own: node portable-run.mjs MODEL SPEC BACKEND.
// Prints one line of JSON.
import { chooseBackend } from "@kvfold/core";
import { parsePolicy } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies, openModelFiles } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { spread } from "./spread.mjs";

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

/** Runs tokens and waits for the logits, as generation does. */
async function run(cache, tokens, endOfPrefill = false) {
  const logits = model.forward(cache, [tokens], { endOfPrefill });
  await logits.data();
  logits.dispose();
}

// text of no meaning, the same for every policy
const tokens = Array.from({ length: 512 }, (_, i) => 100 + ((i * 7919) % 40000));
const prefill = [];
const decode = Object.fromEntries(depths.map((depth) => [depth, []]));
let stats;
for (let round = 0; round <= repeats; round++) {
  const counts = round > 0; // the first round warms up
  for (const depth of depths) {
    const cache = model.createCache(policy);
    if (depth > 0) {
      start = performance.now();
      await run(cache, tokens.slice(0, depth), true);
      if (counts) prefill.push(depth / seconds(start));
    } else await run(cache, tokens.slice(0, 1), true);
    start = performance.now();
    for (let step = 0; step < steps; step++) await run(cache, [tokens[step]]);
    if (counts) decode[depth].push(steps / seconds(start));
    stats = cache.stats();
    cache.dispose();
  }
}

const tensorBytes = tf.memory().numBytes; // no cache is alive: the weights
model.dispose();
const peakResidentBytes = process.resourceUsage().maxRSS * 1024;
const parameters = await countParameters();
console.log(
  JSON.stringify({
    policy: spec,
    backend,
    loadSeconds,
    prefillTokensPerSecond: spread(prefill),
    decodeTokensPerSecond: Object.fromEntries(depths.map((depth) => [depth, spread(decode[depth])])),
    tokens: stats.tokens,
    entries: stats.entries,
    liveBytes: stats.liveBytes,
    compressionRatio: stats.compressionRatio,
    byteRatio: stats.byteRatio,
    parameters,
    peakResidentBytes,
    peakOverFloat32Weights: peakResidentBytes / (parameters * 4),
    tensorBytes,
  }),
);

/** Numbers in all tensors of the file; a tied matrix counts once. */
async function countParameters() {
  const { source } = await openModelFiles(path);
  const sizes = source.names().map((name) => source.info(name).shape.reduce((a, b) => a * b, 1));
  source.close();
  return sizes.reduce((a, b) => a + b, 0);
}

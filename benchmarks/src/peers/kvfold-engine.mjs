// kvfold on its native backend: node kvfold-engine.mjs {"file", "threads", "chunk", "policy", "codec"?, "activations"?}
import { chooseBackend, readInto } from "@kvfold/core";
import { loadKernels, version } from "@kvfold/kernels-cpu";
import { parsePolicy } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies } from "@kvfold/models";
import { milliseconds, scoreRows, serve, tokensAt } from "./engine-process.mjs";

const { file, threads, chunk, policy: spec, codec = "f32", activations = "float32" } = JSON.parse(process.argv[2]);
const kernels = loadKernels({ threads, activations });
if (!kernels.available) throw new Error(`kvfold's native backend cannot run: ${kernels.reason}`);
await chooseBackend({ prefer: "native" });
const model = await loadLocalModel(file);
const policy = parsePolicy(spec, modelPolicies(model.config));
const last = new Float32Array(model.config.vocabSize);
const caches = new Map();

function createCache() {
  const cache = model.createCache(policy, codec === "f32" ? {} : { codec });
  if (cache.options.codec !== codec) throw new Error(`this kvfold's createCache does not take a codec ("${codec}")`);
  return cache;
}

async function run(cache, tokens, endOfPrefill = false) {
  const logits = model.forward(cache, [tokens], { endOfPrefill });
  await readInto(logits, last);
  logits.dispose();
}

const at = (start, count) => tokensAt(start, count, model.config.vocabSize);

serve({
  describe: () => ({
    engine: "kvfold",
    settings: { policy: spec, codec, activations, threads: kernels.threads, chunk },
    versions: { kvfold: version },
    system: kernels.instructionSet,
  }),
  async prepare(depth) {
    const cache = createCache();
    for (let done = 0; done < depth; done += chunk) {
      const count = Math.min(chunk, depth - done);
      await run(cache, at(done, count), done + count === depth);
    }
    if (!cache.lossless && depth > 0) cache.checkpoint(); // what `crop` needs to come back to `depth`
    caches.set(depth, cache);
  },
  async measure(depth, prefill, steps) {
    const cache = caches.get(depth);
    const prefillMs = await milliseconds(() => run(cache, at(depth, prefill), true));
    cache.crop(depth);
    const stepsMs = [];
    for (let i = 0; i < steps; i++) stepsMs.push(await milliseconds(() => run(cache, at(depth + i, 1))));
    const { tokens, liveBytes, compressionRatio } = cache.stats();
    cache.crop(depth);
    return { prefillMs, stepsMs, cache: { tokens, liveBytes, compressionRatio } };
  },
  async score(tokens) {
    const cache = createCache();
    const logits = model.forward(cache, [tokens], { logits: "all", endOfPrefill: true });
    const values = await logits.data();
    logits.dispose();
    cache.dispose();
    const vocabulary = model.config.vocabSize;
    const rows = tokens.slice(1).map((_, i) => values.subarray(i * vocabulary, (i + 1) * vocabulary));
    return scoreRows(rows, tokens);
  },
  async release(depth) {
    caches.get(depth).dispose();
    caches.delete(depth);
  },
});

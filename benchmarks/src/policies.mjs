// What merging is worth: decoding under DMC beside the full cache on the native backend, each policy's step in turn.
//   npm run bench:policies [-- --activations int8]    writes results/policies-SET.json, SET the instruction set
// For each weight format and storage of the cache at depth 8,000: speed against the full cache, beside the bound that
// bytes allow, (weights + full cache) / (weights + live bytes). Then DMC that never merges against the full cache, and the
// bundled model at a depth of 16,384, beyond its trained context: bytes and times count there, the text is meaningless.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chooseBackend } from "@kvfold/core";
import { parsePolicy } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies } from "@kvfold/models";
import { machine } from "./machine.mjs";
import { spread, spreadText } from "./spread.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env.KVFOLD_SHARED ?? join(root, "..", "shared");
const smollm2 = join(shared, "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
const demo = join(root, "packages/demo-model/plain");
const rounds = 5;
const steps = 48;
const chunk = 512;

const { values: options } = parseArgs({ options: { activations: { type: "string", default: "float32" } } });
const { activations } = options;
const where = machine();
const { detail } = await chooseBackend({ prefer: "native", activations });
const results = [];
if (existsSync(smollm2)) {
  for (const weights of ["q4_1", "q8_0"]) {
    for (const codec of ["f32", "bf16"]) {
      await compare({ path: smollm2, weights, codec, depth: 8000, specs: ["full", "dmc:force=4", "dmc:force=8"] });
    }
  }
  await compare({ path: smollm2, weights: "q4_1", codec: "f32", depth: 1024, specs: ["full", "dmc:force=1"] });
} else console.log(`SmolLM2 is left out: there is no ${smollm2}; set KVFOLD_SHARED to the folder that has models/.`);
for (const codec of ["f32", "bf16"])
  await compare({ path: demo, weights: "auto", codec, depth: 16384, specs: ["full", "dmc:force=8"] });
const set = [detail.split(",")[0], ...(activations === "float32" ? [] : [activations])].join("-");
const out = fileURLToPath(new URL(`../results/policies-${set}.json`, import.meta.url));
writeFileSync(out, `${JSON.stringify({ ...where, backend: detail, activations, rounds, steps, results }, null, 2)}\n`);
console.log(`written: ${out}`);

/** All policies of one model, weights and cache, in turn. */
async function compare({ path, weights, codec, depth, specs }) {
  const model = await loadLocalModel(path, { weights });
  const token = (i) => 100 + ((i * 7919) % (model.config.vocabSize - 100));
  const run = async (cache, tokens) => {
    const logits = model.forward(cache, [tokens]);
    await logits.data();
    logits.dispose();
  };
  const caches = [];
  for (const spec of specs) {
    const cache = model.createCache(parsePolicy(spec, modelPolicies(model.config)), { codec });
    for (let at = 0; at < depth; at += chunk) {
      await run(
        cache,
        Array.from({ length: Math.min(chunk, depth - at) }, (_, i) => token(at + i)),
      );
    }
    caches.push(cache);
  }
  const times = specs.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const i of specs.keys()) {
      const samples = [];
      for (let step = 0; step < steps; step++) {
        const start = performance.now();
        await run(caches[i], [token(step)]);
        samples.push(performance.now() - start);
      }
      if (round > 0) times[i].push(spread(samples.slice(1)).median); // the first round warms up
    }
  }
  const weightBytes = bytesOf(model.decoder.weights);
  const fullBytes = caches[0].liveBytes;
  console.log(
    `\n${path === demo ? "bundled model" : "SmolLM2-135M"}, weights ${weights}, cache ${codec}, depth ${depth}`,
  );
  specs.forEach((spec, i) => {
    const { liveBytes, compressionRatio } = caches[i].stats();
    const ratio = spread(times[i].map((ms, round) => times[0][round] / ms));
    const bound = (weightBytes + fullBytes) / (weightBytes + liveBytes);
    const ms = spread(times[i]);
    const row = { model: path === demo ? "demo" : "SmolLM2-135M", weights, codec, depth, spec, ms, ratio, bound };
    results.push({ ...row, shareOfBound: ratio.median / bound, liveBytes, weightBytes, compressionRatio });
    console.log(
      `  ${spec.padEnd(12)} ${(1000 / ms.median).toFixed(1).padStart(7)} tok/s  x full ${spreadText(ratio, 2)}  ` +
        `bound ${bound.toFixed(2)}  share of it ${((100 * ratio.median) / bound).toFixed(0)} %`,
    );
  });
  for (const cache of caches) cache.dispose();
  model.dispose();
}

/** Bytes that a step reads of the weights. */
function bytesOf({ layers, head, finalNorm }) {
  let sum = 0;
  const add = (x) => {
    if (x === null || typeof x !== "object") return;
    if ("unpack" in x) sum += x.bytes.byteLength;
    else if ("dataId" in x) sum += 4 * x.size;
    else Object.values(x).forEach(add);
  };
  add({ layers, head, finalNorm });
  return sum;
}

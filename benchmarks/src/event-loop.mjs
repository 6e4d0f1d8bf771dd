// Whether a program stays responsive while a model generates: gaps of a 10 ms interval during decoding and prefill on the
// native backend, beside those of the same interval in an idle process. Ends with code 1 when more than one gap in a
// hundred of decoding is longer than 20 ms. node event-loop.mjs [MODEL] [prompt tokens] [new tokens] [threads]
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { machine } from "./machine.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env.KVFOLD_SHARED ?? resolve(root, "../shared");
const smollm2 = join(shared, "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
const [
  path = existsSync(smollm2) ? smollm2 : join(root, "packages/demo-model/plain"),
  prompt = 512,
  steps = 256,
  threads,
] = process.argv.slice(2);
const limitMs = 20;
const intervalMs = 10;

const { loadKernels } = await import(new URL("../../packages/kernels-cpu/dist/index.js", import.meta.url).href);
const kernels = loadKernels(threads === undefined ? {} : { threads: Number(threads) });
if (!kernels.available) throw new Error(`the native backend is needed: ${kernels.reason}`);
await tf.setBackend("native");

/** Gaps between ticks, from `start` on. */
function watch() {
  let last = performance.now();
  let gaps = [];
  const timer = setInterval(() => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }, intervalMs);
  return {
    /** The gaps so far, the one that has not ended yet too; those that follow are new. */
    take() {
      const taken = [...gaps, performance.now() - last];
      gaps = [];
      return taken;
    },
    stop: () => clearInterval(timer),
  };
}

function figures(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(2));
  const over = sorted.filter((value) => value > limitMs).length;
  return { count: sorted.length, median: at(0.5), p99: at(0.99), max: at(1), over };
}

const model = await loadLocalModel(path);
// text of no meaning
const tokens = Array.from({ length: Number(prompt) }, (_, i) => 100 + ((i * 7919) % (model.config.vocabSize - 100)));
const options = { maxTokens: Number(steps), ignoreEos: true };
await model.generate(tokens, { ...options, maxTokens: 8 }).result(); // warms up

const ticks = watch();
let started = performance.now();
let prefill;
const stepTimes = [];
for await (const _ of model.generate(tokens, options)) {
  const now = performance.now();
  if (prefill === undefined) prefill = figures(ticks.take());
  else stepTimes.push(now - started);
  started = now;
}
const decoding = figures(ticks.take());
await setTimeout(3000);
const idle = figures(ticks.take());
ticks.stop();
const result = {
  ...machine(),
  model: path.slice(dirname(path).length + 1),
  backend: `native (${kernels.instructionSet}, threads: ${kernels.threads})`,
  promptTokens: Number(prompt),
  limitMs,
  intervalMs,
  gapsMs: { idle, prefill, decoding },
  decodeStepMs: figures(stepTimes),
};
model.dispose();
console.table({ idle, prefill, decoding, "decode steps": result.decodeStepMs });
console.log(`${decoding.over} of ${decoding.count} gaps during decoding were longer than ${limitMs} ms.`);
writeFileSync(
  new URL(`../results/event-loop-${kernels.instructionSet}.json`, import.meta.url),
  `${JSON.stringify(result, null, 2)}\n`,
);
if (decoding.p99 > limitMs) process.exitCode = 1;

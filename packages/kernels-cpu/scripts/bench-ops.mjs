// npm run bench:ops [-- --quick]
// Times single operations as a program calls them, on native, wasm and cpu by turns; prints medians in microseconds and
// writes benchmarks/results/kernels-cpu-ops.json.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { build } from "esbuild";
import { packageFolder } from "./native-sources.mjs";

const setup = join(packageFolder, "build", "bench-setup.mjs");
await build({
  entryPoints: [join(packageFolder, "src", "index.ts")],
  outfile: setup,
  bundle: true,
  platform: "node",
  format: "esm",
  conditions: ["@kvfold/source"],
  external: ["@tensorflow/*"],
  // core's list of gradients, which forward operations do not need
  alias: { "@tensorflow/tfjs-core/dist/register_all_gradients.js": "node:path" },
  logLevel: "error",
});
const { loadKernels } = await import(pathToFileURL(setup).href);
// The wasm backend is a dependency of core's tests.
const wasm = createRequire(join(packageFolder, "../core/package.json")).resolve("@tensorflow/tfjs-backend-wasm");
await import(pathToFileURL(wasm).href);

const x = (...shape) => tf.randomNormal(shape, 0, 1, "float32", 7);
const ids = (n, below) => tf.randomUniformInt([n], 0, below, 7);

/** Inputs, made once for each backend, and the operation. */
const operations = {
  "add 1x576": [() => [x(1, 576), x(1, 576)], tf.add],
  "add 512x576": [() => [x(512, 576), x(512, 576)], tf.add],
  "mul 512x576 by row": [() => [x(512, 576), x(576)], tf.mul],
  "mul 512x576 by column": [() => [x(512, 576), x(512, 1)], tf.mul],
  "exp 1x1536": [() => [x(1, 1536)], tf.exp],
  "exp 512x1536": [() => [x(512, 1536)], tf.exp],
  "sigmoid 512x1536": [() => [x(512, 1536)], tf.sigmoid],
  "tanh 512x1536": [() => [x(512, 1536)], tf.tanh],
  "rsqrt 512x1": [() => [x(512, 1)], (a) => tf.rsqrt(tf.abs(a))],
  "where 512x512": [() => [tf.greater(x(512, 512), 0), x(512, 512), x(512, 512)], tf.where],
  "greaterEqual 512x512": [() => [x(512, 1), x(1, 512)], tf.greaterEqual],
  "cast bool 512x512": [() => [tf.greater(x(512, 512), 0)], (a) => tf.cast(a, "float32")],
  "softmax 9x1x512": [() => [x(9, 1, 512)], tf.softmax],
  "softmax 9x512x512": [() => [x(9, 512, 512)], tf.softmax],
  "sum rows 512x576": [() => [x(512, 576)], (a) => tf.sum(a, -1)],
  "sum columns 512x576": [() => [x(512, 576)], (a) => tf.sum(a, 0)],
  "mean rows 512x576": [() => [x(512, 576)], (a) => tf.mean(a, -1, true)],
  "max rows 9x512x512": [() => [x(9, 512, 512)], (a) => tf.max(a, -1)],
  "argMax 1x49152": [() => [x(1, 49152)], (a) => tf.argMax(a, -1)],
  "transpose 1x512x9x64": [() => [x(1, 512, 9, 64)], (a) => tf.transpose(a, [0, 2, 1, 3])],
  "transpose 576x1536": [() => [x(576, 1536)], (a) => tf.transpose(a)],
  "slice 512x32 of 512x64": [() => [x(512, 64)], (a) => tf.slice(a, [0, 32], [512, 32])],
  "concat 3x512x64 and 3x1x64": [() => [x(3, 512, 64), x(3, 1, 64)], (a, b) => tf.concat([a, b], 1)],
  "split 512x1152": [() => [x(512, 1152)], (a) => tf.split(a, 2, 1)],
  "tile 3x512x64 by 3": [() => [x(3, 1, 512, 64)], (a) => tf.tile(a, [1, 3, 1, 1])],
  "gather 512 of 49152x576": [() => [x(49152, 576), ids(512, 49152)], (a, b) => tf.gather(a, b)],
};

const backends = ["native", "wasm", "cpu"];
const quick = process.argv.includes("--quick");
const samples = {};
for (let round = 0; round < (quick ? 1 : 3); round++) {
  for (const [name, [inputs, run]] of Object.entries(operations)) {
    for (const backend of backends) {
      await tf.setBackend(backend);
      const tensors = inputs();
      const key = `${name} ${backend}`;
      samples[key] = [...(samples[key] ?? []), ...times(() => tf.dispose(run(...tensors)))];
      tf.dispose(tensors);
    }
  }
}

/** Microseconds of each of many runs, after a few that warm up. */
function times(run) {
  for (let i = 0; i < 5; i++) run();
  const found = [];
  const end = performance.now() + (quick ? 20 : 100);
  while (found.length < 7 || performance.now() < end) {
    const start = performance.now();
    run();
    found.push(1000 * (performance.now() - start));
  }
  return found;
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const { instructionSet, threads } = loadKernels();
const rows = Object.keys(operations).map((operation) => ({
  operation,
  ...Object.fromEntries(
    backends.map((backend) => [backend, Number(median(samples[`${operation} ${backend}`]).toFixed(1))]),
  ),
}));
console.log(`microseconds, medians; native: ${instructionSet}, ${threads} threads`);
console.log(`${"".padEnd(30)}${backends.map((backend) => backend.padStart(10)).join("")}  wasm/native  cpu/native`);
for (const row of rows) {
  const figures = backends.map((backend) => row[backend].toFixed(1).padStart(10)).join("");
  const ratios = [row.wasm, row.cpu].map((time) => `${(time / row.native).toFixed(1)}x`.padStart(12)).join("");
  console.log(row.operation.padEnd(30) + figures + ratios);
}
const results = join(packageFolder, "..", "..", "benchmarks", "results");
mkdirSync(results, { recursive: true });
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0], instructionSet, threads };
const file = join(results, "kernels-cpu-ops.json");
writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), machine, unit: "us", rows }, null, 1)}\n`);
console.log(file);

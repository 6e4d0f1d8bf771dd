// Training speed beside PyTorch on the bundled model's shape, batch 8 x 512, float32, the same threads; in turn.
//   npm run bench:training -- --python PATH   writes results/training-SET.json, SET being the instruction set
// PyTorch runs the script that made the first base model; without it (or without an interpreter that has torch) only our
// own rows are measured, and the reason is printed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { plainPath } from "@kvfold/demo-model";
import { tokenizeFiles } from "@kvfold/train";
import { machine } from "./machine.mjs";
import { spread, spreadText } from "./spread.mjs";

const { values } = parseArgs({
  options: { python: { type: "string", default: "python3" }, rounds: { type: "string", default: "3" } },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env.KVFOLD_SHARED ?? join(root, "..", "shared");
const novels = join(shared, "data/novels");
const reference = join(shared, "tools/pretrain_reference.py");
const tokensPerStep = 8 * 512;
const steps = 30;
/** Steps at the start that are left out: memory is new, caches are cold. */
const cold = 8;

if (!existsSync(novels)) {
  console.log(`Nothing to train on: there is no ${novels}; set KVFOLD_SHARED to the folder that has data/novels.`);
  process.exit(0);
}
const work = mkdtempSync(join(tmpdir(), "kvfold-bench-training-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const shard = join(work, "novels.kvtok");
const files = readdirSync(novels)
  .filter((name) => name.endsWith(".txt"))
  .sort()
  .slice(0, 6);
await tokenizeFiles(
  files.map((name) => join(novels, name)),
  plainPath,
  shard,
  { normalizeBlanks: true },
);

const { loadKernels } = await import(new URL("../../packages/kernels-cpu/dist/index.js", import.meta.url).href);
const kernels = loadKernels();
if (!kernels.available) throw new Error(`the native backend is needed: ${kernels.reason}`);
const ours = {
  "plain, float32": recipe("pretrain", "float32"),
  "DMC retrofit, float32": recipe("retrofit", "float32"),
};
if (kernels.instructionSet === "amx") {
  // elsewhere products in bf16 are those in float32
  ours["plain, bf16 products"] = recipe("pretrain", "bf16");
  ours["DMC retrofit, bf16 products"] = recipe("retrofit", "bf16");
}
const missing = noReference();
if (missing) console.log(`PyTorch is left out: ${missing}`);
const rates = new Map();
let memory = {};
let backend = "";
for (let round = 0; round < Number(values.rounds); round++) {
  if (!missing) add("PyTorch, float32", pytorch());
  for (const [name, text] of Object.entries(ours)) {
    const child = spawnSync(
      process.execPath,
      [
        fileURLToPath(new URL("./training/steps-of-ours.mjs", import.meta.url)),
        JSON.stringify({ text: text(round), path: join(work, "recipe.yaml") }),
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 },
    );
    const { seconds, maxRssBytes, detail } = JSON.parse(child.stdout);
    add(
      name,
      seconds.slice(cold).map((value) => tokensPerStep / value),
    );
    memory = { ...memory, [name]: Math.max(memory[name] ?? 0, maxRssBytes) };
    backend = detail;
  }
}
const rows = [...rates].map(([name, all]) => ({ name, tokensPerSecond: spread(all), maxRssBytes: memory[name] }));
const baseline = rows.find(({ name }) => name.startsWith("PyTorch"));
for (const { name, tokensPerSecond, maxRssBytes } of rows) {
  const ratio = baseline ? `  ${(tokensPerSecond.median / baseline.tokensPerSecond.median).toFixed(2)} x PyTorch` : "";
  const bytes = maxRssBytes ? `  ${(maxRssBytes / 1e9).toFixed(2)} GB` : "";
  console.log(`${name.padEnd(28)} ${spreadText(tokensPerSecond)} tok/s${ratio}${bytes}`);
}
const out = fileURLToPath(new URL(`../results/training-${kernels.instructionSet}.json`, import.meta.url));
writeFileSync(out, `${JSON.stringify({ ...machine(), backend, tokensPerStep, steps, cold, rows }, null, 2)}\n`);
console.log(`written: ${out}`);

function add(name, values) {
  rates.set(name, [...(rates.get(name) ?? []), ...values]);
}

function recipe(kind, precision) {
  const retrofit = "cr: 4\nmethod:\n  kind: dmc\n  stages: { blank: 0, ramp: 1, solidify: 29 }\n";
  return (round) => `kind: ${kind}
model: { from: ${plainPath} }
output: ${join(work, `${kind}-${precision}-${round}`)}
seed: ${round}
precision: ${precision}
steps: ${steps}
data: { files: ${shard}, heldOut: 2000 }
batch: { rows: 8, length: 512 }
optimizer:
  adamw: { learningRate: 1.0e-3, weightDecay: 0 }
  muon: { learningRate: 0.004, weightDecay: 0.05 }
schedule: { kind: constant, warmupSteps: 1 }
checkpoint: { everySteps: 1000 }
evaluate: { everySteps: 1000 }
${kind === "retrofit" ? retrofit : ""}`;
}

function noReference() {
  if (!existsSync(reference)) return `there is no ${reference}.`;
  const found = spawnSync(values.python, ["-c", "import torch, tokenizers, safetensors"], { encoding: "utf8" });
  return found.status === 0 ? undefined : `${values.python} cannot import torch, tokenizers and safetensors.`;
}

/** Tokens a second of the reference script between its reports, which come every 20 steps. */
function pytorch() {
  rmSync(join(work, "torch/state.pt"), { force: true }); // or it would go on where it was
  const args = [reference, novels, join(work, "torch"), "--layers", "4", "--ctx", "512", "--steps", "1000000"];
  const run = spawnSync(values.python, [...args, "--recall", "0", "--minutes", "1.2"], { encoding: "utf8" });
  const lines = [...run.stdout.matchAll(/step (\d+) loss \S+ tok\/s (\d+) min (\S+)/g)];
  // its rate is the mean since the start of the process: the difference of two reports leaves the first steps out
  const at = lines.map(([, step, rate]) => ({
    tokens: (Number(step) + 1) * tokensPerStep,
    seconds: ((Number(step) + 1) * tokensPerStep) / Number(rate),
  }));
  return at.slice(1).map((now, i) => (now.tokens - at[i].tokens) / (now.seconds - at[i].seconds));
}

// SmolLM2-135M-Instruct from its GGUF under every policy on the wasm backend, and start-up times:
//   npm run bench               (after npm run setup; the model is looked for under KVFOLD_SHARED, default ../shared)
//   npm run bench -- full dmc   only these policies
// Prints a table; writes results/portable.json when it measured everything.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { machine } from "./machine.mjs";
import { spreadText } from "./spread.mjs";
import { demoTime, helpTime } from "./start-up.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const name = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
const model = join(process.env.KVFOLD_SHARED ?? join(root, "..", "shared"), name);
const all = [
  "full",
  "window:sinks=4,recent=252",
  "h2o:budget=256",
  "tova:budget=256",
  "dmc",
  "dmc:threshold=0.01",
  "dmc:force=4",
  "perLayer(0-14=full;*=window:recent=60)",
];

const only = process.argv.slice(2);
const where = machine();
const demoMs = demoTime(); // first: it builds
const helpMs = helpTime();
console.log(`npm run demo, warm: ${spreadText(demoMs, 0)} ms`);
console.log(`kvfold --help:      ${spreadText(helpMs, 0)} ms\n`);

if (!existsSync(model)) {
  console.log(`Policies skipped, nothing written: needs ${name}; set KVFOLD_SHARED to the folder that has it.`);
} else {
  console.log(
    "Tokens a second are medians with the smallest and the largest of the rounds; CR and live MiB at the end.\n",
  );
  print("policy", "load s", "prefill", "decode @0", "decode @512", "CR", "live MiB", "peak/f32");
  const results = (only.length > 0 ? only : all).map((policy) => measure(policy, "wasm"));
  if (only.length === 0) write(results);
}

function write(results) {
  const file = fileURLToPath(new URL("../results/portable.json", import.meta.url));
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...where, model: name, demoMs, helpMs, results }, null, 2)}\n`);
  console.log("\nwritten: benchmarks/results/portable.json");
}

/** One policy in a process of its own: prints its row of the table. */
function measure(policy, backend) {
  const script = fileURLToPath(new URL("portable-run.mjs", import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, model, policy, backend], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${policy} ended with ${status}:\n${stderr}`);
  const result = JSON.parse(stdout.trim().split("\n").pop());
  print(
    policy,
    result.loadSeconds.toFixed(1),
    spreadText(result.prefillTokensPerSecond, 0),
    spreadText(result.decodeTokensPerSecond[0], 1),
    spreadText(result.decodeTokensPerSecond[512], 1),
    result.compressionRatio.toFixed(2),
    (result.liveBytes / 2 ** 20).toFixed(1),
    result.peakOverFloat32Weights.toFixed(2),
  );
  return result;
}

function print(policy, ...columns) {
  const widths = [7, 15, 18, 18, 6, 9, 9];
  console.log(policy.padEnd(39) + columns.map((text, i) => text.padStart(widths[i])).join(" "));
}

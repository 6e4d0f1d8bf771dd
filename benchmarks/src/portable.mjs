// SmolLM2-135M-Instruct from its GGUF under every policy on the portable backends, and the command's start-up:
//   npm run bench            (after npm run setup; the model is looked for under KVFOLD_SHARED, default ../shared)
// Prints a table; writes results/portable.json.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { machine } from "./machine.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const name = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
const model = join(process.env.KVFOLD_SHARED ?? join(root, "..", "shared"), name);
const policies = [
  "full",
  "window:sinks=4,recent=252",
  "h2o:budget=256",
  "tova:budget=256",
  "dmc",
  "dmc:threshold=0.01",
  "dmc:force=4",
  "perLayer(0-14=full;*=window:recent=60)",
];

const results = [];
if (!existsSync(model)) console.log(`skipped: needs ${name} (set KVFOLD_SHARED to the folder that has it)`);
else {
  console.log(
    "policy                                  load s  prefill  decode @0  decode @512   CR  live MiB  peak/f32 weights",
  );
  for (const policy of policies) results.push(row(policy, "wasm"));
}
const startMs = startUp();
console.log(`kvfold --help: ${startMs.median.toFixed(0)} ms (${startMs.min.toFixed(0)} to ${startMs.max.toFixed(0)})`);

const file = fileURLToPath(new URL("../results/portable.json", import.meta.url));
mkdirSync(join(file, ".."), { recursive: true });
writeFileSync(
  file,
  `${JSON.stringify({ ...machine(), model: name, prompt: 512, results, helpMs: startMs }, null, 2)}\n`,
);
console.log(`written: benchmarks/results/portable.json`);

function row(policy, backend) {
  const script = fileURLToPath(new URL("portable-run.mjs", import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, model, policy, backend], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${policy} ended with ${status}:\n${stderr}`);
  const result = JSON.parse(stdout.trim().split("\n").pop());
  const decode = (depth) => result.decodeTokensPerSecond[depth].median.toFixed(1);
  console.log(
    [
      policy.padEnd(39),
      result.loadSeconds.toFixed(1).padStart(6),
      result.prefillTokensPerSecond.median.toFixed(0).padStart(8),
      decode(0).padStart(10),
      decode(512).padStart(12),
      result.compressionRatio.toFixed(2).padStart(5),
      (result.liveBytes / 2 ** 20).toFixed(1).padStart(9),
      result.peakOverFloat32Weights.toFixed(2).padStart(17),
    ].join(" "),
  );
  return result;
}

/** Milliseconds of `kvfold --help` as a whole process. */
function startUp() {
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    const { status } = spawnSync(process.execPath, [join(root, "packages/cli/dist/bin.js"), "--help"]);
    if (status !== 0) throw new Error("kvfold --help failed; run `npm run setup` first");
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return { median: times[3], min: times[0], max: times[6] };
}

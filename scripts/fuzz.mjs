#!/usr/bin/env node
// Loads damaged model files (safetensors, GGUF, index, config, tokenizer, Megatron checkpoint) in a process of its own and counts what happens:
//   node scripts/fuzz.mjs [--cases 10000] [--seed 1] [--from 0] [--json]
// Every case must end in a clear error or a correct load, within 2 s and 500 MB. Exit code 1 when one does not.
import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const LIMIT_MS = 2000;
const LIMIT_BYTES = 500e6;
/** Loading the code and making the good files. */
const STARTUP_MS = 60_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const [cases, seed, first] = [values.cases, values.seed, values.from].map(Number);

// Inside the clone, so that the worker finds the goldens.
const cache = join(root, "node_modules", ".cache");
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, "kvfold-fuzz-"));
const worker = join(folder, "worker.mjs");
await build({
  entryPoints: [join(root, "packages/models/test/fuzz/fuzz-worker.ts")],
  outfile: worker,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  conditions: ["@kvfold/source"],
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "error",
});

const started = performance.now();
const bad = [];
const counts = { cases: 0, errors: 0, loaded: 0, crashes: 0, hangs: 0, overMemory: 0 };
const kinds = {};
const places = {};
let slowestMs = 0;
let peakBytes = 0;
let next = first;
try {
  while (next < first + cases) next = await runWorker(next);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report();

/** Runs a worker until it is done, hangs or dies; returns the case to go on with. */
function runWorker(from) {
  return new Promise((finished, failed) => {
    const child = fork(worker, [seed, from, first + cases].map(String), {
      cwd: root,
      execArgv: ["--max-old-space-size=300"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let at = from;
    let stderr = "";
    let timer = setTimeout(stop, STARTUP_MS);
    let hung = false;
    let ready = false;
    child.stderr.on("data", (data) => {
      stderr = (stderr + data).slice(-2000);
    });
    child.on("message", (message) => {
      clearTimeout(timer);
      timer = setTimeout(stop, LIMIT_MS);
      if (message.ready) {
        ready = true;
        return;
      }
      record(message);
      at = message.index + 1;
    });
    child.on("exit", () => {
      clearTimeout(timer);
      if (at === first + cases) return finished(at);
      if (!ready) return failed(new Error(`the worker did not start: ${stderr}`));
      counts.cases++;
      counts[hung ? "hangs" : "crashes"]++;
      bad.push({ index: at, outcome: hung ? "hang" : "died", detail: stderr });
      finished(at + 1);
    });
    function stop() {
      hung = at < first + cases;
      child.kill("SIGKILL");
    }
  });
}

function record({ index, kind, name, place, outcome, detail, milliseconds, peakBytes: peak }) {
  counts.cases++;
  counts[{ error: "errors", loaded: "loaded", crash: "crashes" }[outcome]]++;
  kinds[kind] ??= { errors: 0, loaded: 0 };
  if (outcome !== "crash") kinds[kind][outcome === "error" ? "errors" : "loaded"]++;
  places[place] = (places[place] ?? 0) + 1;
  slowestMs = Math.max(slowestMs, milliseconds);
  if (peak > LIMIT_BYTES && peak > peakBytes) {
    counts.overMemory++;
    bad.push({ index, kind, name, place, outcome: "over memory", detail: `${Math.round(peak / 1e6)} MB` });
  }
  peakBytes = Math.max(peakBytes, peak);
  if (outcome === "crash") bad.push({ index, kind, name, place, outcome, detail });
  if (!values.json && process.stderr.isTTY && counts.cases % 100 === 0)
    process.stderr.write(`\r${counts.cases} of ${cases}`);
}

function report() {
  const seconds = (performance.now() - started) / 1000;
  const result = { ...counts, kinds, places, slowestMs, peakBytes, seconds, seed, bad: bad.slice(0, 20) };
  if (values.json) console.log(JSON.stringify(result));
  else {
    if (process.stderr.isTTY) process.stderr.write("\r");
    for (const one of result.bad)
      console.log(`case ${one.index} (${one.kind} ${one.name}, ${one.place}): ${one.outcome}\n${one.detail}\n`);
    console.table(kinds);
    console.log(
      `${counts.cases} damaged files (seed ${seed}): ${counts.errors} clear errors, ${counts.loaded} correct loads, ${counts.crashes} crashes, ${counts.hangs} hangs, ` +
        `${counts.overMemory} over memory; slowest ${slowestMs.toFixed(0)} ms, peak ${(peakBytes / 1e6).toFixed(0)} MB, ${seconds.toFixed(0)} s.`,
    );
    console.log(
      `Damaged in: ${Object.entries(places)
        .map(([place, n]) => `${place} ${n}`)
        .join(", ")}.`,
    );
  }
  if (bad.length > 0) process.exitCode = 1;
}

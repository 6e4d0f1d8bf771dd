// npm run bench:native [-- --quick] [--sets avx2,amx] [--large MEGABYTES] [--training]
// Compiles the kernels with the benchmark program, prints a table and writes benchmarks/results/kernels-cpu-SET.json, named
// after the best instruction set measured; with --training only the matrix products of a training step, to
// kernels-cpu-training.json. Takes about seven minutes, with --quick one.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { machine } from "../../../benchmarks/src/machine.mjs";
import { buildProgram } from "./build-program.mjs";
import { packageFolder } from "./native-sources.mjs";

/** Largest cache in megabytes, as Linux tells it. */
function cacheMegabytes() {
  try {
    const text = readFileSync("/sys/devices/system/cpu/cpu0/cache/index3/size", "utf8");
    return Number.parseInt(text, 10) / 1024;
  } catch {
    return 32;
  }
}

// before anything runs: the load at the start, and the sources that are measured
const measuredOn = { ...machine(), cacheMegabytes: cacheMegabytes() };
const program = await buildProgram("bench");
const args = process.argv.slice(2);
// Four times the last-level cache, but no more than fits beside other work.
const training = args.includes("--training");
if (!args.includes("--large") && !args.includes("--quick") && !training) {
  args.push("--large", String(Math.min(4 * measuredOn.cacheMegabytes, 2048)));
}
const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
const rows = [];
for await (const line of createInterface({ input: child.stdout })) {
  const row = JSON.parse(line);
  rows.push(row);
  const share = row.shareOfCeiling === undefined ? "" : `${Math.round(100 * row.shareOfCeiling)} %`;
  const head =
    `${row.kernel} ${row.format}`.padEnd(22) + row.instructionSet.padEnd(11) + String(row.threads).padStart(2);
  console.log(`${head}  ${row.detail.padEnd(28)} ${row.median.toFixed(1).padStart(8)} ${row.unit.padEnd(8)} ${share}`);
}
const results = join(packageFolder, "..", "..", "benchmarks", "results");
mkdirSync(results, { recursive: true });
const file = join(results, training ? "kernels-cpu-training.json" : `kernels-cpu-${rows[0]?.instructionSet}.json`);
writeFileSync(file, `${JSON.stringify({ machine: measuredOn, rows }, null, 1)}\n`);
console.log(file);
